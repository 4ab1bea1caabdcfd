"""Coefficient of a Cox model with one covariate, for many weightings of the subjects at once."""

from __future__ import annotations

import numpy as np

from survembed.survival.outcome import Bool, Float


def cox_slope(x: Float, duration: Float, event: Bool, weight: Float | None = None) -> Float:
    """Coefficient of a Cox model with one covariate, by Newton's method for all weightings at once.

    Parameters
    ----------
    x
        (n,) float64, the covariate.
    duration, event
        (n,) float64 and (n,) bool. Breslow's method for ties.
    weight
        (n, b) float64, weight of each subject in each of b fits (bootstrap); by default one fit with weights of 1.

    Returns
    -------
    (b,) float64, per unit of x. NaN without an event, for a constant x, and under perfect separation.
    """
    order = np.argsort(-duration, kind="stable")
    scale = x.std() or 1.0
    z = ((x - x.mean()) / scale)[order, None]
    w = np.ones((len(x), 1)) if weight is None else weight[order]
    event_weight = w * event[order, None]
    time = duration[order]
    last = np.searchsorted(-time, -time, side="right") - 1
    beta = np.zeros(w.shape[1])
    with np.errstate(all="ignore"):
        for _ in range(30):
            eta = z * beta
            hazard = w * np.exp(eta - eta.max(axis=0))
            s0, s1, s2 = (np.cumsum(hazard * z**power, axis=0)[last] for power in range(3))
            mean = s1 / s0
            gradient = np.nansum(event_weight * (z - mean), axis=0)
            information = np.nansum(event_weight * (s2 / s0 - mean**2), axis=0)
            step = gradient / information
            beta = beta + np.clip(step, -1.0, 1.0)
            if not (np.abs(step) > 1e-9).any():
                break
    converged = (np.abs(step) <= 1e-6) & (information > 1e-9)
    return np.where(converged, beta / scale, np.nan)
