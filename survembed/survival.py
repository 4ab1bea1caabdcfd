"""Step functions of survival analysis: Kaplan–Meier, the censoring distribution, Breslow's baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


class Outcome(NamedTuple):
    """What became of n subjects.

    Attributes
    ----------
    duration
        (n,) float64, time to event or censoring.
    event
        (n,) bool, True where the event was seen.
    """

    duration: Float
    event: Bool


def to_structured(duration: ArrayLike, event: ArrayLike) -> NDArray[np.void]:
    """The (n,) structured array `(event, time)` that scikit-survival's estimators take as y."""
    time = np.asarray(duration, dtype=np.float64)
    y = np.empty(len(time), dtype=[("event", np.bool_), ("time", np.float64)])
    y["event"], y["time"] = event, time
    return y


def from_structured(y: NDArray[np.void]) -> Outcome:
    """The outcome in a scikit-survival y: a structured array of a bool and a float field, whatever their names."""
    event, time = y.dtype.names or ("event", "time")
    return Outcome(np.asarray(y[time], dtype=np.float64), np.asarray(y[event], dtype=np.bool_))


@dataclass(frozen=True)
class StepFunction:
    """A right-continuous step function, constant after its last step.

    Attributes
    ----------
    times
        (k,) float64, where it steps, increasing.
    values
        (..., k) float64, the value from each step on; leading axes hold one function each.
    before
        The value before the first step: 1 for a survival function, 0 for a cumulative hazard.
    """

    times: Float
    values: Float
    before: float = 1.0

    def __call__(self, times: ArrayLike, *, left: bool = False) -> Float:
        """Values at `times` (T,), shape (..., T); with `left` the limits from the left, f(t−)."""
        index = np.searchsorted(self.times, np.asarray(times, dtype=np.float64), side="left" if left else "right")
        first = np.full((*self.values.shape[:-1], 1), self.before)
        return np.concatenate([first, self.values], axis=-1)[..., index]

    def median(self) -> float:
        """The first time at which the function is 0.5 or less; NaN where that is never reached."""
        reached = self.values <= 0.5
        return float(self.times[reached.argmax()]) if reached.any() else np.nan


def kaplan_meier(duration: Float, event: Bool) -> StepFunction:
    """Survival function of one group by the product-limit estimator.

    Parameters
    ----------
    duration, event
        (n,) float64 and (n,) bool. Subjects censored at the time of an event are at risk then. Without an event the
        function is 1 throughout.

    References
    ----------
    Kaplan, Meier, JASA 53 (1958) 457.
    """
    times, n_events, _, n_at_risk = _counts(duration, event)
    seen = n_events > 0
    return _product_limit(times[seen], n_events[seen] / n_at_risk[seen])


def censoring_survival(duration: Float, event: Bool) -> StepFunction:
    """G(t) = P(C > t): Kaplan–Meier of the censoring, in which events count as censored.

    At a time with both, the events come first: who had the event is no longer at risk of being censored. Inverse
    probability weights of an event at T take the limit from the left, ``G(T, left=True)``.
    """
    times, n_events, n_censored, n_at_risk = _counts(duration, event)
    seen = n_censored > 0
    return _product_limit(times[seen], n_censored[seen] / (n_at_risk - n_events)[seen])


def _product_limit(times: Float, hazard: Float) -> StepFunction:
    return StepFunction(times, np.cumprod(1.0 - hazard, dtype=np.float64))


def _counts(duration: Float, event: Bool) -> tuple[Float, Float, Float, Float]:
    """Distinct times, events and censorings at each, and subjects at risk just before it."""
    times, inverse, counts = np.unique(np.asarray(duration, dtype=np.float64), return_inverse=True, return_counts=True)
    n = counts.astype(np.float64)
    n_events = np.bincount(inverse, weights=event, minlength=len(times)).astype(np.float64)
    return times, n_events, n - n_events, n[::-1].cumsum()[::-1]


class FollowUp(NamedTuple):
    """How long and how completely a cohort was followed.

    Attributes
    ----------
    n, n_events
        Subjects, and those with an event.
    median
        Median follow-up by the reverse Kaplan–Meier method; NaN where fewer than half would have been censored.
    """

    n: int
    n_events: int
    median: float


def follow_up(duration: Float, event: Bool) -> FollowUp:
    """Subjects, events and the reverse Kaplan–Meier median follow-up (Schemper, Smith, CCT 17, 1996, 343)."""
    return FollowUp(len(duration), int(np.sum(event)), censoring_survival(duration, event).median())


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
    def fit(cls, log_hazard: ArrayLike, duration: Float, event: Bool) -> BreslowBaseline:
        """Estimate H0 from all training subjects, never from a batch.

        Parameters
        ----------
        log_hazard
            (n,) the model's r of the training subjects, higher dies sooner.
        duration, event
            (n,) float64 and (n,) bool. Ties follow Breslow. Without an event S(t) is 1 up to ``last_time``.
        """
        order = np.argsort(duration, kind="stable")
        time, seen = np.asarray(duration, dtype=np.float64)[order], np.asarray(event, dtype=np.bool_)[order]
        r = np.asarray(log_hazard, dtype=np.float64)[order]
        log_at_risk = np.logaddexp.accumulate(r[::-1])[::-1]
        times, first = np.unique(time, return_index=True)
        n_events = np.add.reduceat(seen, first, dtype=np.float64)
        some = n_events > 0
        log_hazard_step = np.log(n_events[some]) - log_at_risk[first[some]]
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
        needed = np.log(np.log(2.0)) - np.asarray(log_hazard, dtype=np.float64)
        index = np.searchsorted(self.log_cumulative_hazard, needed, side="left")
        median: Float = np.append(self.times, np.nan)[index]
        return median

    def to_dict(self) -> dict[str, Float]:
        """Plain float64 arrays by name, for a file; `last_time` has shape ()."""
        return {
            "times": self.times,
            "log_cumulative_hazard": self.log_cumulative_hazard,
            "last_time": np.array(self.last_time),
        }

    @classmethod
    def from_dict(cls, arrays: Mapping[str, Any]) -> BreslowBaseline:
        """The baseline that `to_dict` took apart; lists do as well as arrays."""
        return cls(
            np.asarray(arrays["times"], dtype=np.float64),
            np.asarray(arrays["log_cumulative_hazard"], dtype=np.float64),
            float(arrays["last_time"]),
        )


def cox_slope(x: Float, duration: Float, event: Bool, weight: Float | None = None) -> Float:
    """Coefficient of a Cox model with one covariate, for many weightings of the subjects at once.

    Parameters
    ----------
    x
        (n,) float64, the covariate.
    duration, event
        (n,) float64 and (n,) bool. Ties follow Breslow.
    weight
        (n, b) float64, how often each subject counts in each of b fits (bootstrap); one fit with 1 each by default.

    Returns
    -------
    (b,) float64, per unit of x. NaN without an event, for a constant x, and where the data separate perfectly.
    """
    order = np.argsort(-duration, kind="stable")
    scale = x.std() or 1.0
    z = ((x - x.mean()) / scale)[order, None]
    w = np.ones((len(x), 1)) if weight is None else weight[order]
    seen = w * event[order, None]
    time = duration[order]
    last = np.searchsorted(-time, -time, side="right") - 1
    beta = np.zeros(w.shape[1])
    with np.errstate(all="ignore"):
        for _ in range(30):
            eta = z * beta
            hazard = w * np.exp(eta - eta.max(axis=0))
            s0, s1, s2 = (np.cumsum(hazard * z**power, axis=0)[last] for power in range(3))
            mean = s1 / s0
            gradient = np.nansum(seen * (z - mean), axis=0)
            information = np.nansum(seen * (s2 / s0 - mean**2), axis=0)
            step = gradient / information
            beta = beta + np.clip(step, -1.0, 1.0)
            if not (np.abs(step) > 1e-9).any():
                break
    converged = (np.abs(step) <= 1e-6) & (information > 1e-9)
    return np.where(converged, beta / scale, np.nan)
