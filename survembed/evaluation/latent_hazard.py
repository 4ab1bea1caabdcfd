"""Hazard ratios per standard deviation of the latents of a run, refitted on a part of its subjects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from survembed.runs.latents import Latents
from survembed.runs.trained_model import TrainedModel
from survembed.survival.cox_inference import CoxFit, HazardRatio, fit_cox_on_latents
from survembed.survival.outcome import Bool, Float
from survembed.survival.scaler import LatentScaler

ACTIVE_VARIANCE = 0.01
"""Variance of μ under which a dimension carries nothing (Burda, Grosse, Salakhutdinov, ICLR 2016, appendix C)."""


def refit(latents: Latents, part: Bool) -> CoxFit:
    """Cox model of all latent dimensions, fitted on the subjects `part` (n,); units are SDs of the development set.

    Of a model with covariates x (n, P), each latent dimension is adjusted for these, and they follow as L, L + 1, …
    with the hazard ratio for one unit of an encoded column: a standard deviation of a number, a category against the
    reference.
    """
    fit = _fit(latents.inputs, latents, part)
    if latents.x is None:
        return fit
    n_dims, deviation = latents.z.shape[1], latents.inputs[~latents.test].std(axis=0)
    ratios = {
        number: ratio if number < n_dims else ratio.for_units(1 / float(deviation[number]))
        for number, ratio in fit.ratios.items()
    }
    return replace(fit, ratios=ratios)


def refit_log_hazard(latents: Latents, part: Bool) -> CoxFit:
    """Cox model of the run's own log-hazard, as dimension 0, on the subjects `part` (n,)."""
    assert latents.log_hazard is not None
    return _fit(latents.log_hazard[:, None], latents, part)


def silent_dimensions(latents: Latents) -> list[int]:
    """Latent dimensions whose μ hardly varies over the development set: they carry nothing of the image.

    None where that is so of all: such a model has collapsed, and its rows are shown as they are.
    """
    variance = latents.z[~latents.test].astype(np.float64).var(axis=0)
    silent = np.flatnonzero(variance < ACTIVE_VARIANCE).tolist()
    return silent if len(silent) < len(variance) else []


def fit_on_test(trained: TrainedModel) -> CoxFit:
    """Cox model of all dimensions, refitted on the test set of a run; of an imported one what it keeps of it."""
    kept = trained.reference
    return _kept(kept.ratios) if kept else refit(trained.latents, trained.latents.test)


def risk_fit_on_test(trained: TrainedModel) -> CoxFit:
    """Cox model of the run's own log-hazard, as dimension 0, on its test set; of an imported run what it keeps.

    An imported run keeps none of a single cause.
    """
    kept = trained.reference
    if kept is None:
        return refit_log_hazard(trained.latents, trained.latents.test)
    return _kept({0: kept.risk_ratio} if kept.risk_ratio and not trained.cause else {})


def _kept(ratios: dict[int, HazardRatio]) -> CoxFit:
    return CoxFit(ratios, {}, 0, 0, "the run was imported without it")


def silent_dimensions_of(trained: TrainedModel) -> list[int]:
    """`silent_dimensions` of a run; also of an imported one."""
    kept = trained.reference
    return list(kept.silent) if kept else silent_dimensions(trained.latents)


def _fit(columns: Float, latents: Latents, part: Bool) -> CoxFit:
    scaler = LatentScaler().fit(columns[~latents.test])
    return fit_cox_on_latents(columns[part], latents.outcome.take(part), scaler)
