"""Step functions of survival analysis: Kaplan–Meier, the censoring distribution, median follow-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from survembed.survival.bootstrap import Float
from survembed.survival.outcome import Bool, Outcome


def kaplan_meier_survival(train: Outcome, n: int, times: Float) -> Float:
    """The null model: the Kaplan–Meier curve of the training part for each of n subjects, (n, T)."""
    return np.tile(kaplan_meier(*train)(times), (n, 1))


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


def _product_limit(times: Float, hazard: Float) -> StepFunction:
    return StepFunction(times, np.cumprod(1.0 - hazard, dtype=np.float64))


def _counts(duration: Float, event: Bool) -> tuple[Float, Float, Float, Float]:
    """Distinct times, events and censorings at each, and subjects at risk just before it."""
    times, inverse, counts = np.unique(np.asarray(duration, dtype=np.float64), return_inverse=True, return_counts=True)
    n = counts.astype(np.float64)
    n_events = np.bincount(inverse, weights=event, minlength=len(times)).astype(np.float64)
    return times, n_events, n - n_events, n[::-1].cumsum()[::-1]
