"""Weights of the covariates: γ by Newton's method, before training, and beside the trained image score after it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from survembed.heads.covariates import CovariateHead
from survembed.models.base import Model
from survembed.progress import Reporter
from survembed.survival.cox_newton import CoxEstimate, fit_cox
from survembed.training.training_data import TrainingData
from survembed.training.validation import batch_size_without_gradient

PRIOR_SD = 2.0
"""Of the prior that keeps γ finite where the likelihood has no maximum; exp(2) is a hazard ratio of 7."""


def start_at_clinical_model(model: Model, data: TrainingData) -> None:
    """Set γ of an untrained model to the Cox model of the covariates alone, fitted on the training part."""
    if isinstance(model.head, CovariateHead):
        _set(model.head, _fit(model.head, data, None))


@torch.no_grad()
def refit(model: Model, data: TrainingData, names: list[str], reporter: Reporter) -> dict[str, Any]:
    """Refit γ of a trained model with its image score r(z) as a fixed offset, on the training part; and W of its prior.

    The maximum is that of the partial likelihood of all training subjects, where an update saw a batch. ψ stays: the
    score of training subjects is too good, as the encoder has seen their outcomes, and a free slope would say so.

    Returns
    -------
    For the record of the run: `gamma` and `standard_error` by encoded column, n, events, whether the fit without
    penalty converged, and else the deviation of the prior.
    The standard errors are those of a fit in which the image score has a free slope: with it fixed they would leave out
    what cannot be told apart where covariates and image are correlated.
    """
    head = model.head
    assert isinstance(head, CovariateHead)
    size = batch_size_without_gradient(data.images.shape)
    mu = torch.cat([model.posterior(data.images[index])[0] for index in data.train.split(size)])
    _refit_prior(model, data, mu)
    score = head.inner(mu).double().cpu().numpy()
    estimate = _fit(head, data, score)
    _set(head, estimate)
    errors = _fit(head, data, None, beside=score).standard_errors
    if not estimate.converged:
        reporter.warn(
            "the weights of the covariates have no finite maximum: a column separates the events of the training part. "
            f"They are kept finite by a weak penalty, a normal prior with standard deviation {PRIOR_SD:g}; fewer "
            "--covariates, or joined categories, need none"
        )
    return {
        "gamma": dict(zip(names, head.gamma.double().tolist(), strict=True)),
        "standard_error": dict(zip(names, errors[: len(names)].tolist(), strict=True)),
        "subjects": len(data.train),
        "events": int(data.event[data.train].sum()),
        "converged": estimate.converged,
        "prior_sd": None if estimate.converged else PRIOR_SD,
    }


def _refit_prior(model: Model, data: TrainingData, mu: Tensor) -> None:
    """Set W of a conditional prior N(Wx, I) to the least squares of μ on x: the least KL for this encoder."""
    weight = dict(model.named_parameters()).get("prior_mean.weight")
    if weight is not None and data.covariates is not None:
        x = data.covariates[data.train].double()
        weight.copy_(torch.linalg.lstsq(x, mu.double().cpu()).solution.T)


def _fit(
    head: CovariateHead,
    data: TrainingData,
    offset: NDArray[np.float64] | None,
    *,
    beside: NDArray[np.float64] | None = None,
) -> CoxEstimate:
    """Cox model of the covariates of the training part, and then of a score `beside` them."""
    assert data.covariates is not None
    columns: tuple[Tensor, ...] = (data.covariates.double(), data.duration, data.event)
    x, duration, event = (column[data.train].numpy() for column in columns)
    columns_of_x = x if beside is None else np.column_stack([x, beside])
    entry = None if data.entry is None else data.entry[data.train].numpy()
    arguments = (columns_of_x, duration, event, offset)
    estimate = fit_cox(*arguments, ties=head.ties, entry=entry)
    if estimate.converged:
        return estimate
    return replace(fit_cox(*arguments, ties=head.ties, entry=entry, ridge=PRIOR_SD**-2), converged=False)


@torch.no_grad()
def _set(head: CovariateHead, estimate: CoxEstimate) -> None:
    head.gamma.copy_(torch.from_numpy(estimate.coefficients))
