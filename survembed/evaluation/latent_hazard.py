"""Hazard ratios per standard deviation of the latents of a run, refitted on a part of its subjects."""

from __future__ import annotations

import numpy as np

from survembed.runs.latents import Latents
from survembed.survival.cox_inference import CoxFit, HazardRatio, fit_cox_on_latents
from survembed.survival.outcome import Bool, Float
from survembed.survival.scaler import LatentScaler

ACTIVE_VARIANCE = 0.01
"""Variance of μ under which a dimension carries nothing (Burda, Grosse, Salakhutdinov, ICLR 2016, appendix C)."""


def refit(latents: Latents, part: Bool) -> CoxFit:
    """Cox model of all latent dimensions, fitted on the subjects `part` (n,); units are SDs of the development set."""
    return _fit(latents.z.astype(np.float64), latents, part)


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


def _fit(columns: Float, latents: Latents, part: Bool) -> CoxFit:
    scaler = LatentScaler().fit(columns[~latents.test])
    return fit_cox_on_latents(columns[part], latents.outcome.take(part), scaler)
