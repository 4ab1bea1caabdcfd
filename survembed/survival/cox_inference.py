"""A Cox model refitted on frozen latents: hazard ratios with intervals, and whether hazards are proportional."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np

from survembed.survival.outcome import Float, Outcome
from survembed.survival.scaler import LatentScaler

FEWEST_EVENTS = 10
"""Intervals from fewer events say nothing."""


@dataclass(frozen=True)
class HazardRatio:
    """Of one latent dimension, all others held.

    Attributes
    ----------
    value, low, high
        For one standard deviation of the training μ, with its 95 % Wald interval.
    p
        Of the hypothesis that it is 1; not adjusted for the number of dimensions.
    p_proportional
        Of the hypothesis that it does not change with time (scaled Schoenfeld residuals against ranked times, Grambsch
        and Therneau, Biometrika 81, 1994, 515). Small: it does change.
    """

    value: float
    low: float
    high: float
    p: float
    p_proportional: float


@dataclass(frozen=True)
class CoxFit:
    """A refitted model.

    Attributes
    ----------
    ratios
        By dimension, counted from 0; without those dropped.
    dropped
        Reason by dimension.
    n, n_events
        Subjects and events behind it.
    reason
        Why there is no model; empty where there is one.
    notes
        What the fit warned of.
    """

    ratios: dict[int, HazardRatio]
    dropped: dict[int, str]
    n: int
    n_events: int
    reason: str = ""
    notes: tuple[str, ...] = field(default=())


def refit(mu: Float, outcome: Outcome, scaler: LatentScaler) -> CoxFit:
    """Fit Cox's model by lifelines, without penalty, on latents μ (n, L) in units of the training μ.

    Parameters
    ----------
    mu, outcome
        The subjects to fit on.
    scaler
        Fitted on the training μ; the dimensions it drops (constant, collinear) are left out by name.

    Returns
    -------
    Where there are too few events, or the model does not converge to finite numbers, one without ratios and with the
    reason.
    """
    import pandas as pd
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError
    from lifelines.statistics import proportional_hazard_test

    dropped, n, n_events = dict(scaler.dropped_), len(mu), int(outcome.event.sum())
    if n_events < FEWEST_EVENTS or not len(scaler.kept_):
        reason = f"only {n_events} event(s)" if n_events < FEWEST_EVENTS else "every dimension is constant"
        return CoxFit({}, dropped, n, n_events, reason)
    names = [f"z{dimension}" for dimension in scaler.kept_]
    frame = pd.DataFrame(scaler.transform(mu), columns=names)
    frame["duration"], frame["event"] = outcome.duration, outcome.event.astype(int)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = CoxPHFitter().fit(frame, "duration", "event")
            proportional = proportional_hazard_test(model, frame, time_transform="rank").summary["p"]
        except (ConvergenceError, np.linalg.LinAlgError, ValueError) as error:
            return CoxFit({}, dropped, n, n_events, f"did not converge: {str(error).splitlines()[0]}")
    notes = tuple(dict.fromkeys(_first_line(each) for each in caught))
    table = model.summary
    columns = ["exp(coef)", "exp(coef) lower 95%", "exp(coef) upper 95%", "p"]
    ratios = {
        int(dimension): HazardRatio(*map(float, (*table.loc[name, columns], proportional[name])))
        for dimension, name in zip(scaler.kept_, names, strict=True)
    }
    if any("failed to converge" in note for note in notes) or not np.isfinite(table[columns]).all(axis=None):
        reason = f"did not converge: {n_events} events are too few for {len(names)} dimensions, or one separates them"
        return CoxFit({}, dropped, n, n_events, reason)
    return CoxFit(ratios, dropped, n, n_events, "", notes)


def _first_line(caught: warnings.WarningMessage) -> str:
    return next((line.strip() for line in str(caught.message).splitlines() if line.strip()), "")
