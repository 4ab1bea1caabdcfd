"""Groups of subjects by predicted risk, and how each of them fared: Kaplan–Meier curves and the log-rank test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from survembed.survival.kaplan_meier import StepFunction
from survembed.survival.outcome import Float, Outcome, to_structured


def equal_groups(risk: Float, n_groups: int) -> NDArray[np.int64]:
    """Number of the group of each subject, (n,), by rising `risk` (n,): about equal in size, equal risks together.

    Fewer than `n_groups` groups come out where risks are equal; their numbers have no gaps.
    """
    edges = np.unique(np.quantile(risk, np.linspace(0, 1, n_groups + 1))[1:-1])
    return np.unique(np.searchsorted(edges, risk, side="right"), return_inverse=True)[1].astype(np.int64)


class LogRank(NamedTuple):
    """Result of a log-rank test of k groups: chi-square with k − 1 degrees of freedom."""

    statistic: float
    p_value: float


def log_rank(outcome: Outcome, group: NDArray[np.int64]) -> LogRank | None:
    """Whether the groups (n,) differ in survival; None for one group, or where there is no event."""
    from sksurv.compare import compare_survival

    if len(np.unique(group)) < 2 or not outcome.event.any():
        return None
    statistic, p_value = compare_survival(to_structured(outcome.duration, outcome.event), group)
    return LogRank(float(statistic), float(p_value))


@dataclass(frozen=True)
class GroupCurve:
    """Kaplan–Meier curve of one group.

    Attributes
    ----------
    n, n_events
        Subjects, and those with an event.
    times
        (k,) float64, every distinct duration, increasing.
    survival, low, high
        (k,) S(t) from each of these times on, with its pointwise 95 % log-log interval; before them all are 1.
    duration, event
        (n,) of its subjects.
    """

    n: int
    n_events: int
    times: Float
    survival: Float
    low: Float
    high: Float
    duration: Float
    event: NDArray[np.bool_]

    def at_risk(self, times: Float) -> list[int]:
        """Subjects under observation just before each of `times`."""
        return [int((self.duration >= time).sum()) for time in times]

    def median(self) -> tuple[float, float, float]:
        """Median survival with its 95 % interval (Brookmeyer–Crowley); NaN where a curve stays above 0.5."""
        value, low, high = (StepFunction(self.times, curve).median() for curve in (self.survival, self.low, self.high))
        return value, low, high

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "n": self.n,
            "events": self.n_events,
            "median": self.median(),
            "times": self.times.tolist(),
            "survival": self.survival.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
        }


def group_curves(outcome: Outcome, group: NDArray[np.int64]) -> list[GroupCurve]:
    """The curve of each group (n,), by rising number."""
    from sksurv.nonparametric import kaplan_meier_estimator

    found = []
    for number in np.unique(group):
        duration, event = outcome.duration[group == number], outcome.event[group == number]
        times, survival, (low, high) = kaplan_meier_estimator(event, duration, conf_type="log-log")
        found.append(GroupCurve(len(duration), int(event.sum()), times, survival, low, high, duration, event))
    return found
