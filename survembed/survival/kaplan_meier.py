"""Kaplan–Meier estimates: survival function, confidence band, censoring distribution, median follow-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from survembed.survival.outcome import Bool, Float, Outcome

_NORMAL_QUANTILE = 1.959963984540054  # 97.5 % of the standard normal distribution


@dataclass(frozen=True)
class StepFunction:
    """A right-continuous step function, constant after its last step.

    Attributes
    ----------
    times
        (k,) float64, times of the steps, increasing.
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

    def first_time_at_or_below(self, level: float) -> float:
        """First step of a survival function (k,) with S(t) ≤ `level`; NaN where all values are above it.

        S(t) is often exactly `level` (12 of 24 subjects left), and then the rounding of the product must not move the
        answer to the next step. Each of its factors adds one rounded quotient and one rounded product, of half a unit
        in the last place each: after i steps S(t) is off by i units at most. This is the tolerance.
        """
        tolerance = np.arange(1, len(self.times) + 1) * np.finfo(np.float64).eps
        reached = self.values <= level * (1.0 + tolerance)
        return float(self.times[reached.argmax()]) if reached.any() else np.nan

    def median(self) -> float:
        """First time with S(t) ≤ 0.5; NaN where S(t) stays above 0.5.

        lifelines defines the median alike. R's `survfit` takes the middle of the interval on which S(t) is 0.5.
        """
        return self.first_time_at_or_below(0.5)


def kaplan_meier(duration: Float, event: Bool, entry: Float | None = None) -> StepFunction:
    """Survival function of one group by the product-limit estimator.

    Parameters
    ----------
    duration, event
        (n,) float64 and (n,) bool. Subjects censored at the time of an event are at risk then. Without an event the
        function is 1 throughout.
    entry
        (n,) float64, late entry: a subject is at risk at t if entry < t ≤ duration. The estimate is that of survival
        beyond the earliest entry. It is 0 from a time on at which everyone at risk has the event, as may happen early,
        when few have entered.

    References
    ----------
    Kaplan, Meier, JASA 53 (1958) 457; late entry: Tsai, Jewell, Wang, Biometrika 74 (1987) 883.
    """
    times, n_events, _, n_at_risk = _counts_by_time(duration, event, entry)
    return _product_limit(times, n_events, n_at_risk)


def kaplan_meier_survival(train: Outcome, n: int, times: Float) -> Float:
    """Null model: the Kaplan–Meier curve of the training part for each of n subjects, (n, T)."""
    return np.tile(kaplan_meier(*train)(times), (n, 1))


def kaplan_meier_band(duration: Float, event: Bool, entry: Float | None = None) -> StepFunction:
    """Kaplan–Meier curve with its pointwise 95 % log-log interval, on every distinct duration.

    Returns
    -------
    Values (3, k): S(t), lower and upper limit. The interval has no width where S(t) is 1 or 0.

    References
    ----------
    Kalbfleisch, Prentice, The Statistical Analysis of Failure Time Data, 2nd ed. (2002) 18.
    """
    times, n_events, _, n_at_risk = _counts_by_time(duration, event, entry)
    survival = kaplan_meier(duration, event, entry)(times)
    with np.errstate(divide="ignore", invalid="ignore"):  # at S(t) of 0 and 1
        greenwood = np.cumsum(n_events / (n_at_risk * (n_at_risk - n_events)))
        width = _NORMAL_QUANTILE * np.sqrt(greenwood) / np.abs(np.log(survival))
        limits = survival ** np.exp([width, -width])
    limits[:, (survival == 0) | (survival == 1)] = survival[(survival == 0) | (survival == 1)]
    return StepFunction(times, np.vstack([survival, limits]))


def censoring_survival(duration: Float, event: Bool, entry: Float | None = None) -> StepFunction:
    """G(t) = P(C > t): Kaplan–Meier of the censoring, in which events count as censored.

    At a time with both, the events come first: a subject with an event is no longer at risk of censoring. Inverse
    probability weights of an event at T take the limit from the left, ``G(T, left=True)``.
    """
    times, n_events, n_censored, n_at_risk = _counts_by_time(duration, event, entry)
    return _product_limit(times, n_censored, n_at_risk - n_events)


class FollowUp(NamedTuple):
    """Length and completeness of the follow-up of a cohort.

    Attributes
    ----------
    n, n_events
        Subjects, and those with an event.
    median
        Median follow-up by the reverse Kaplan–Meier method; NaN where it is not reached.
    """

    n: int
    n_events: int
    median: float


def follow_up(duration: Float, event: Bool, entry: Float | None = None) -> FollowUp:
    """Subjects, events and the reverse Kaplan–Meier median follow-up (Schemper, Smith, CCT 17, 1996, 343)."""
    return FollowUp(len(duration), int(np.sum(event)), censoring_survival(duration, event, entry).median())


def _product_limit(times: Float, n_events: Float, n_at_risk: Float) -> StepFunction:
    """Product of (n_at_risk − n_events) / n_at_risk over the times with an event."""
    step = n_events > 0
    factors = (n_at_risk[step] - n_events[step]) / n_at_risk[step]
    return StepFunction(times[step], np.cumprod(factors, dtype=np.float64))


def _counts_by_time(duration: Float, event: Bool, entry: Float | None = None) -> tuple[Float, Float, Float, Float]:
    """Distinct times, events and censorings at each, and subjects at risk just before it."""
    times, inverse, counts = np.unique(np.asarray(duration, dtype=np.float64), return_inverse=True, return_counts=True)
    n = counts.astype(np.float64)
    n_events = np.bincount(inverse, weights=event, minlength=len(times)).astype(np.float64)
    n_at_risk = n[::-1].cumsum()[::-1]
    if entry is not None:
        n_at_risk = n_at_risk - (len(entry) - np.searchsorted(np.sort(entry), times))  # those who enter later
    return times, n_events, n - n_events, n_at_risk
