"""Interface of a head: latents to log-hazards, a loss, and survival functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from survembed.errors import UsageError
from survembed.survival.batch import Batch
from survembed.survival.breslow import BreslowBaseline
from survembed.survival.cox_loss import cox_loss
from survembed.survival.risk_set import Rows, rescaled

BISECTIONS = 60
"""Halvings of an interval of times: exact to float64."""

_BLOCK = 64
"""Subjects whose S(t) at one time each is read off a square table of all their times."""


class Head(nn.Module):
    """Maps latents (n, L) to log-hazards (n,), higher dies sooner, and to survival functions.

    A Cox head derives from `CoxHead` and implements `forward` only. A parametric head implements `forward`, `loss` and
    `survival`, and `fit_outcome` where it needs the unit of time. The log-hazard may be nonlinear: its gradient gives
    the effect of a latent.

    `survembed.testing` requires: log-hazards and the loss are finite for latents up to 100 in size, for durations of 0
    and without an event, where the loss keeps its graph. A subject's log-hazard does not depend on the batch.
    Evaluation mode draws no random number. S(t) starts at 1, never increases and is lower for a higher hazard.

    A head for competing causes sets `n_causes`, receives their numbers as events, heeds `cause` in `forward`, and
    implements `log_hazards` and `incidence` as well.

    Attributes
    ----------
    last_time
        Longest duration of the development set, from `fit_baseline`.
    """

    takes_entry: ClassVar[bool] = False
    """Whether `loss` and `fit_baseline` heed late entry, `batch.entry` and `entry`; else such cohorts are refused."""

    n_causes: int = 1
    """Competing causes that the head tells apart; 1 for a head that knows one kind of event."""

    cause: int = 0
    """Number of the cause whose log-hazard `forward` gives, from 1; 0 for any event."""

    last_time: float

    def fit_outcome(self, duration: Tensor, event: Tensor) -> None:
        """Receive durations (n,) and events (n,) of the training part once before training; Cox heads ignore them.

        State kept here belongs in buffers, which are saved with the weights.
        """

    def log_hazards(self, z: Tensor) -> Tensor:
        """Log-hazard (n, K) of each competing cause, of latents (n, L)."""
        hazards: Tensor = self(z)
        return hazards[:, None]

    def loss(self, z: Tensor, batch: Batch) -> Tensor:
        """Scalar loss of latents (n, L) of the subjects of `batch`; a zero with a graph where there is no event."""
        raise TypeError(f"{type(self).__name__} must implement loss")

    def fit_baseline(self, z: Tensor, duration: Tensor, event: Tensor, entry: Tensor | None = None) -> None:
        """Fit what `survival` needs, once after training, on the development set: all subjects outside the test set.

        Parameters
        ----------
        z
            (n, L) latents.
        duration, event
            (n,) float64 and (n,) bool or integer code.
        entry
            (n,) float64 times of late entry; given only where there are some, and to a head that `takes_entry`.

        Notes
        -----
        This is not part of the weights: it is fitted again whenever a run is opened.
        """
        self.last_time = float(duration.max())

    def baseline_arrays(self) -> dict[str, NDArray[np.float64]]:
        """What `fit_baseline` fitted, by name, for an archive without subjects; a head that overrides it has some."""
        return {}

    def take_baseline(self, arrays: Mapping[str, NDArray[np.float64]], last_time: float) -> None:
        """Take what `baseline_arrays` gave, and the end of the follow-up, in place of `fit_baseline`."""
        self.last_time = last_time

    def survival(self, z: Tensor, times: Tensor) -> Tensor:
        """S(t | z), shape (n, T) float64, of latents (n, L) at `times` (T,), after `fit_baseline`.

        NaN where the head knows nothing, such as beyond the follow-up for a Breslow baseline.
        """
        raise TypeError(f"{type(self).__name__} must implement survival")

    def incidence(self, z: Tensor, times: Tensor) -> Tensor:
        """Cumulative incidence (K, n, T) float64 of each competing cause; with S(t) they sum to 1."""
        return 1.0 - self.survival(z, times)[None]

    def median_survival(self, z: Tensor) -> Tensor:
        """First time (n,) float64 at which S(t | z) is 0.5 or less; NaN where S(t) is above 0.5 at `last_time`."""
        low = torch.zeros(len(z), dtype=torch.float64)
        high = torch.full_like(low, self.last_time)
        reached = self.survival_at(z, high) <= 0.5
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            is_after = self.survival_at(z, middle) <= 0.5
            low, high = torch.where(is_after, low, middle), torch.where(is_after, middle, high)
        return torch.where(reached, high, torch.nan)

    def survival_at(self, z: Tensor, time: Tensor) -> Tensor:
        """S(t_i | z_i), one time (n,) for each subject."""
        parts = zip(z.split(_BLOCK), time.split(_BLOCK), strict=True)
        return torch.cat([self.survival(some, at).diagonal() for some, at in parts])


class Breslow(Head):
    """Survival functions of a proportional hazards head by Breslow's baseline.

    Attributes
    ----------
    baseline
        From `fit_baseline`.
    """

    takes_entry = True

    baseline: BreslowBaseline

    @torch.no_grad()
    def fit_baseline(self, z: Tensor, duration: Tensor, event: Tensor, entry: Tensor | None = None) -> None:
        """Fit Breslow's baseline hazard on the whole development set (settled point 7)."""
        super().fit_baseline(z, duration, event)
        columns = (duration.cpu().numpy(), event.cpu().numpy() > 0, None if entry is None else entry.cpu().numpy())
        self.baseline = BreslowBaseline.fit(_numbers(self(z)), *columns)

    def baseline_arrays(self) -> dict[str, NDArray[np.float64]]:
        """Breslow's baseline."""
        return {"times": self.baseline.times, "log_cumulative_hazard": self.baseline.log_cumulative_hazard}

    def take_baseline(self, arrays: Mapping[str, NDArray[np.float64]], last_time: float) -> None:
        """Take Breslow's baseline."""
        super().take_baseline(arrays, last_time)
        self.baseline = BreslowBaseline(arrays["times"], arrays["log_cumulative_hazard"], last_time)

    @torch.no_grad()
    def survival(self, z: Tensor, times: Tensor) -> Tensor:
        """S(t | z) = exp(−H0(t) exp r(z)); NaN beyond the follow-up."""
        return torch.from_numpy(self.baseline.survival(_numbers(self(z)), times.cpu().numpy()))

    @torch.no_grad()
    def median_survival(self, z: Tensor) -> Tensor:
        """First event time of the development set at which S(t | z) is 0.5 or less; NaN where there is none."""
        return torch.from_numpy(self.baseline.median(_numbers(self(z))))


class CoxHead(Breslow):
    """Head with Cox's partial likelihood as loss.

    Parameters
    ----------
    ties
        `breslow` or `efron`.
    """

    def __init__(self, ties: Literal["breslow", "efron"] = "breslow") -> None:
        super().__init__()
        self.ties = ties

    def loss(self, z: Tensor, batch: Batch) -> Tensor:
        """Equation (2) of the paper, over the risk set of the batch: all micro-batches and processes of an update."""
        rows, factor = batch.risk_set.join(Rows(self(z), batch.duration, batch.event > 0, batch.entry))
        return rescaled(cox_loss(*rows, ties=self.ties), factor)


def hazard_axes(latent_dim: int, axes: int) -> int:
    """Number of latent dimensions that carry the hazard; `axes` = 0 means all.

    Raises
    ------
    UsageError
        When there are more axes than dimensions.
    """
    if axes > latent_dim:
        raise UsageError(
            f"{axes} hazard axes of {latent_dim} latent dimension(s)",
            where=f"head option axes = {axes}",
            expected=f"0 to {latent_dim}",
            try_=f"--set head.axes={latent_dim}",
        )
    return axes or latent_dim


def _numbers(values: Tensor) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = values.detach().double().cpu().numpy()
    return numbers
