"""Cox models refitted on frozen latents: hazard ratios with intervals, and tests of proportional hazards."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from survembed.survival.outcome import Float, Outcome
from survembed.survival.scaler import LatentScaler

FEWEST_EVENTS = 10
"""Intervals from fewer events are too wide to interpret."""
WIDEST = 100.0
"""An interval that exceeds this hazard ratio, or its inverse, says nothing."""


@dataclass(frozen=True)
class HazardRatio:
    """Hazard ratio of one latent dimension, adjusted for all others.

    Attributes
    ----------
    value, low, high
        For one standard deviation of the training μ, with its 95 % Wald interval.
    p
        P value of a hazard ratio of 1; not adjusted for the number of dimensions.
    p_proportional
        P value of proportional hazards: a small value means that the ratio changes with time (scaled Schoenfeld
        residuals against ranked times, Grambsch and Therneau, Biometrika 81, 1994, 515).
    """

    value: float
    low: float
    high: float
    p: float
    p_proportional: float

    def for_units(self, units: float) -> HazardRatio:
        """The same for `units` of the present unit."""
        return replace(self, value=self.value**units, low=self.low**units, high=self.high**units)

    @property
    def text(self) -> str:
        """`1.4 (0.9 to 2.1)`, or `unknown` where the interval exceeds `WIDEST`."""
        if self.low < 1 / WIDEST or self.high > WIDEST:
            return "unknown"
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


@dataclass(frozen=True)
class CoxFit:
    """A refitted Cox model.

    Attributes
    ----------
    ratios
        By dimension, counted from 0; without dropped dimensions. Empty where there is no model.
    dropped
        Reason by dropped dimension.
    n, n_events
        Subjects and events in the fit.
    reason
        Why there is no model; empty where there is one.
    notes
        Warnings of the fit.
    """

    ratios: dict[int, HazardRatio]
    dropped: dict[int, str]
    n: int
    n_events: int
    reason: str = ""
    notes: tuple[str, ...] = ()

    def why(self, dimension: int) -> str:
        """Why a dimension has no ratio; empty where it has one."""
        return "" if dimension in self.ratios else self.dropped.get(dimension) or self.reason


def fit_cox_on_latents(mu: Float, outcome: Outcome, scaler: LatentScaler) -> CoxFit:
    """Fit a Cox model without penalty (lifelines) on latents μ (n, L) in units of the training μ.

    Parameters
    ----------
    mu, outcome
        Latents and outcome of the n subjects to fit on.
    scaler
        Fitted on the training μ; the dimensions that it drops (constant, collinear) are left out.

    Returns
    -------
    Without ratios, and with a reason, where there are too few events or the fit does not converge to finite numbers.
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
    columns_of_outcome = {"duration_col": "duration", "event_col": "event"}
    if outcome.entry is not None:
        frame["entry"] = outcome.entry
        columns_of_outcome["entry_col"] = "entry"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = CoxPHFitter().fit(frame, **columns_of_outcome)
            proportional = dict.fromkeys(names, np.nan)
            if outcome.entry is None:
                proportional = proportional_hazard_test(model, frame, time_transform="rank").summary["p"]
        except (ConvergenceError, np.linalg.LinAlgError, ValueError) as error:
            return CoxFit({}, dropped, n, n_events, f"did not converge: {str(error).splitlines()[0]}")
    notes = tuple(dict.fromkeys(str(warning.message).strip().partition("\n")[0] for warning in caught))
    if outcome.entry is not None:
        notes = (*notes, "no test of proportional hazards: lifelines has none for late entry")
    table = model.summary
    columns = ["exp(coef)", "exp(coef) lower 95%", "exp(coef) upper 95%", "p"]
    if any("failed to converge" in note for note in notes) or not np.isfinite(table[columns]).all(axis=None):
        reason = f"did not converge: {n_events} events are too few for {len(names)} dimensions, or one separates them"
        return CoxFit({}, dropped, n, n_events, reason)
    ratios = {
        int(dimension): HazardRatio(*map(float, (*table.loc[name, columns], proportional[name])))
        for dimension, name in zip(scaler.kept_, names, strict=True)
    }
    return CoxFit(ratios, dropped, n, n_events, "", notes)
