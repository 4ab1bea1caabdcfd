"""Cox coefficients by Newton's method, by default without penalty, beside a fixed log-hazard (an offset)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from survembed.survival.cox_loss import Ties, cox_loss
from survembed.survival.outcome import Bool, Float

MAX_STEPS = 50
MAX_HALVINGS = 30
TOLERANCE = 1e-13
"""Of the Newton decrement: half the gain in log-likelihood that one more step would bring."""

FLAT = 1e-6
"""Least information of an event on a standardised column; below it the likelihood is flat: no finite maximum."""


@dataclass(frozen=True)
class CoxEstimate:
    """Maximum of the partial likelihood.

    Attributes
    ----------
    coefficients
        (P,) log hazard ratios for one unit of each column.
    covariance
        (P, P) inverse of the observed information.
    log_likelihood
        Log partial likelihood there, less the penalty.
    log_likelihood_null
        The same with all coefficients 0: that of the offset alone.
    converged
        False where there is no finite maximum; the coefficients are then those of the last step.
    """

    coefficients: Float
    covariance: Float
    log_likelihood: float
    log_likelihood_null: float
    converged: bool

    @property
    def standard_errors(self) -> Float:
        """(P,) of the coefficients."""
        errors: Float = np.sqrt(np.maximum(np.diag(self.covariance), 0.0))
        return errors


@torch.enable_grad()  # also within torch.no_grad
def fit_cox(
    x: Float,
    duration: Float,
    event: Bool,
    offset: Float | None = None,
    *,
    ties: Ties = "breslow",
    strata: NDArray[np.int64] | None = None,
    entry: Float | None = None,
    ridge: float = 0.0,
) -> CoxEstimate:
    """Fit log-hazard = offset + xᵀγ, by default without penalty.

    Parameters
    ----------
    x
        (n, P); not collinear.
    duration, event
        (n,) float64 and bool.
    offset
        (n,) fixed part of the log-hazard; None for 0.
    ties
        As for `cox_loss`.
    strata
        (n,) number of the stratum of each subject: each has its own baseline hazard. None for one stratum.
    entry
        (n,) times of late entry; None for none.
    ridge
        The log-likelihood is lessened by ridge · ‖γ‖² / 2: a normal prior with standard deviation ridge^−½.

    References
    ----------
    Cox, JRSS B 34 (1972) 187.
    """
    columns, time, seen = (
        torch.from_numpy(np.asarray(x, np.float64)),
        torch.from_numpy(duration),
        torch.from_numpy(event),
    )
    fixed = torch.zeros(len(time), dtype=torch.float64) if offset is None else torch.from_numpy(offset).double()
    late = None if entry is None else torch.from_numpy(entry)
    n_events = float(seen.sum())
    numbers = torch.zeros(len(time)) if strata is None else torch.from_numpy(strata)
    groups = [group for number in numbers.unique() if seen[group := torch.nonzero(numbers == number)[:, 0]].any()]

    def loss(gamma: Tensor) -> Tensor:
        r = fixed + columns @ gamma
        parts = [
            seen[rows].sum()
            * cox_loss(r[rows], time[rows], seen[rows], None if late is None else late[rows], ties=ties)
            for rows in groups
        ]
        penalty = ridge / 2 * gamma.square().sum()
        return torch.stack(parts).sum() + penalty if parts else r.sum() * 0

    gamma = torch.zeros(columns.shape[1], dtype=torch.float64)
    null = value = float(loss(gamma))
    hessian, converged = torch.zeros(len(gamma), len(gamma), dtype=torch.float64), n_events == 0
    for _ in range(MAX_STEPS if n_events else 0):
        at = gamma.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(at), at, create_graph=True)
        hessian = torch.stack([torch.autograd.grad(each, at, retain_graph=True)[0] for each in gradient])
        gradient = gradient.detach()
        step = torch.linalg.pinv(hessian, hermitian=True) @ gradient
        if float(gradient @ step) / 2 <= TOLERANCE * max(1.0, abs(value)):
            gamma, converged = gamma - step, True  # one more step doubles the digits
            break
        for halving in range(MAX_HALVINGS):
            tried = gamma - step / 2**halving
            after = float(loss(tried))
            if after <= value:
                break
        gamma, value = tried, after
    scale = columns.std(dim=0, correction=0)
    curvature = torch.linalg.eigvalsh(hessian * scale[:, None] * scale)
    value = float(loss(gamma))
    converged &= n_events == 0 or bool(curvature[0] > FLAT * n_events)
    covariance = torch.linalg.pinv(hessian, hermitian=True)
    return CoxEstimate(gamma.numpy(), covariance.numpy(), -value, -null, converged)
