"""Subjects grouped by predicted risk: Kaplan–Meier curve of each group and log-rank test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from survembed.survival.kaplan_meier import StepFunction, kaplan_meier_band
from survembed.survival.outcome import Bool, Float, Outcome, to_structured


def equal_groups(risk: Float, n_groups: int) -> NDArray[np.int64]:
    """Group number (n,) of each subject, increasing with `risk` (n,): about equal sizes, equal risks in one group.

    Equal risks may give fewer than `n_groups` groups; the numbers have no gaps.
    """
    edges = np.unique(np.quantile(risk, np.linspace(0, 1, n_groups + 1))[1:-1])
    return np.unique(np.searchsorted(edges, risk, side="right"), return_inverse=True)[1].astype(np.int64)


class LogRank(NamedTuple):
    """Result of a log-rank test of k groups: chi-square with k − 1 degrees of freedom."""

    statistic: float
    p_value: float


def log_rank(outcome: Outcome, group: NDArray[np.int64]) -> LogRank | None:
    """Log-rank test of equal survival in all groups (n,); None for one group, or without an event."""
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
    duration, event
        (n,) outcome of the subjects.
    times
        (k,) float64, every distinct duration, increasing.
    survival, low, high
        (k,) S(t) from each time on, with its pointwise 95 % log-log interval; all are 1 before the first time.
    """

    duration: Float
    event: Bool
    times: Float
    survival: Float
    low: Float
    high: Float

    @property
    def n(self) -> int:
        """Number of subjects."""
        return len(self.duration)

    @property
    def n_events(self) -> int:
        """Number of subjects with an event."""
        return int(self.event.sum())

    def n_at_risk(self, times: Float) -> list[int]:
        """Number of subjects under observation just before each of `times`."""
        return [int((self.duration >= time).sum()) for time in times]

    def median(self) -> tuple[float, float, float]:
        """Median survival with its 95 % interval (Brookmeyer–Crowley); NaN where a curve stays above 0.5."""
        value, low, high = (StepFunction(self.times, curve).median() for curve in (self.survival, self.low, self.high))
        return value, low, high

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        curves = {name: getattr(self, name).tolist() for name in ("times", "survival", "low", "high")}
        return {"n": self.n, "events": self.n_events, "median": self.median(), **curves}


def group_curves(outcome: Outcome, group: NDArray[np.int64]) -> list[GroupCurve]:
    """The Kaplan–Meier curve of each group (n,), by increasing group number."""
    curves = []
    for number in np.unique(group):
        duration, event = outcome.duration[group == number], outcome.event[group == number]
        band = kaplan_meier_band(duration, event)
        curves.append(GroupCurve(duration, event, band.times, *band.values))
    return curves
