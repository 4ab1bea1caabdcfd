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


def refit_log_hazard(latents: Latents, part: Bool) -> HazardRatio | None:
    """Hazard ratio per SD of the run's own log-hazard on the subjects `part` (n,); None where it cannot be fitted."""
    assert latents.log_hazard is not None
    return _fit(latents.log_hazard[:, None], latents, part).ratios.get(0)


def silent_dimensions(latents: Latents) -> list[int]:
    """Latent dimensions whose μ hardly varies over the development set: they carry nothing of the image.

    None where that is so of all: such a model has collapsed, and its rows are shown as they are.
    """
    variance = latents.z[~latents.test].astype(np.float64).var(axis=0)
    silent = np.flatnonzero(variance < ACTIVE_VARIANCE).tolist()
    return silent if len(silent) < len(variance) else []


def ratios_on_test(trained: TrainedModel) -> dict[int, HazardRatio]:
    """Hazard ratios of all dimensions, refitted on the test set of a run; also of an imported one."""
    kept = trained.reference
    return kept.ratios if kept else refit(trained.latents, trained.latents.test).ratios


def risk_ratio_on_test(trained: TrainedModel) -> HazardRatio | None:
    """Hazard ratio of the run's own log-hazard on its test set; also of an imported run, but not of one cause there."""
    kept = trained.reference
    if kept and trained.cause:
        return None
    return kept.risk_ratio if kept else refit_log_hazard(trained.latents, trained.latents.test)


def silent_dimensions_of(trained: TrainedModel) -> list[int]:
    """`silent_dimensions` of a run; also of an imported one."""
    kept = trained.reference
    return list(kept.silent) if kept else silent_dimensions(trained.latents)


def _fit(columns: Float, latents: Latents, part: Bool) -> CoxFit:
    scaler = LatentScaler().fit(columns[~latents.test])
    return fit_cox_on_latents(columns[part], latents.outcome.take(part), scaler)
