"""Breslow's baseline hazard of a proportional hazards model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from survembed.survival.kaplan_meier import StepFunction
from survembed.survival.outcome import Bool, Float


@dataclass(frozen=True)
class BreslowBaseline:
    """Baseline hazard of a proportional hazards model, which turns log-hazards into survival functions.

    Attributes
    ----------
    times
        (k,) float64, the distinct event times of the training subjects, increasing.
    log_cumulative_hazard
        (k,) float64, log H0 from each of these times on. Kept as a logarithm so that log-hazards of any size work.
    last_time
        The largest training duration. Between the last event and this time S(t) stays constant; beyond it nothing is
        known, and S(t) is NaN.

    References
    ----------
    Breslow, discussion of Cox, JRSS B 34 (1972) 216.
    """

    times: Float
    log_cumulative_hazard: Float
    last_time: float

    @classmethod
    def fit(cls, log_hazard: ArrayLike, duration: Float, event: Bool, entry: Float | None = None) -> BreslowBaseline:
        """Estimate H0 from all training subjects, never from a batch.

        Parameters
        ----------
        log_hazard
            (n,) the model's r of the training subjects, higher dies sooner.
        duration, event
            (n,) float64 and (n,) bool. Ties follow Breslow. Without an event S(t) is 1 up to ``last_time``.
        entry
            (n,) float64, late entry: a subject is at risk at t if entry < t ≤ duration.
        """
        order = np.argsort(duration, kind="stable")
        time, seen = np.asarray(duration, dtype=np.float64)[order], np.asarray(event, dtype=np.bool_)[order]
        r = np.asarray(log_hazard, dtype=np.float64)[order]
        times, first = np.unique(time, return_index=True)
        if entry is None:
            log_at_risk = np.logaddexp.accumulate(r[::-1])[::-1][first]
        else:
            log_at_risk = _log_at_risk(r, time, np.asarray(entry, dtype=np.float64)[order], times)
        n_events = np.add.reduceat(seen, first, dtype=np.float64)
        some = n_events > 0
        log_hazard_step = np.log(n_events[some]) - log_at_risk[some]
        return cls(times[some], np.logaddexp.accumulate(log_hazard_step), float(time[-1]))

    def survival(self, log_hazard: ArrayLike, times: ArrayLike) -> Float:
        """S(t | r) = exp(-H0(t) exp r), shape (n, T); 1 before the first event, NaN beyond ``last_time``."""
        at = np.asarray(times, dtype=np.float64)
        log_h0 = StepFunction(self.times, self.log_cumulative_hazard, before=-np.inf)(at)
        exponent = np.add.outer(np.asarray(log_hazard, dtype=np.float64), log_h0)
        # exp(700) is finite and exp(-exp(700)) is 0, as it should be.
        survival: Float = np.exp(-np.exp(np.minimum(exponent, 700.0)))
        survival[:, at > self.last_time] = np.nan
        return survival

    def median(self, log_hazard: ArrayLike) -> Float:
        """Median survival time of each subject, (n,); NaN where S(t) stays above 0.5 in the training follow-up."""
        r = np.asarray(log_hazard, dtype=np.float64)
        # S(t) ≤ 0.5 means log H0(t) ≥ log(log 2) − r. The sum is rounded to the last place of the larger of its terms:
        # the tolerance is four units there, so that S(t) of exactly 0.5 does not move the median to the next event.
        needed = np.log(np.log(2.0)) - r - 4 * np.spacing(1.0 + np.abs(r))
        index = np.searchsorted(self.log_cumulative_hazard, needed, side="left")
        median: Float = np.append(self.times, np.nan)[index]
        return median


def _log_at_risk(r: Float, time: Float, entry: Float, times: Float) -> Float:
    """log Σ exp r (T,) of the subjects with entry < t ≤ time; summed anew at each t, as a difference would cancel."""
    sums = [np.logaddexp.reduce(r[(entry < t) & (t <= time)], initial=-np.inf) for t in times]
    return np.array(sums, dtype=np.float64)
