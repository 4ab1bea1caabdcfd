"""Subjects grouped by predicted risk: Kaplan–Meier curve of each group and log-rank test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from survembed.survival.kaplan_meier import StepFunction, kaplan_meier_band
from survembed.survival.outcome import Bool, Float, Outcome


def equal_groups(risk: Float, n_groups: int) -> NDArray[np.int64]:
    """Group number (n,) of each subject, increasing with `risk` (n,): about equal sizes, equal risks in one group.

    Equal risks may give fewer than `n_groups` groups; the numbers have no gaps.
    """
    edges = np.unique(np.quantile(risk, np.linspace(0, 1, n_groups + 1))[1:-1])
    return np.unique(np.searchsorted(edges, risk, side="right"), return_inverse=True)[1].astype(np.int64)


def n_at_risk(outcome: Outcome, times: Float) -> NDArray[np.int64]:
    """Number of subjects (T,) under observation just before each of `times`: entry < t ≤ duration."""
    ends = np.sort(outcome.duration)
    number = len(ends) - np.searchsorted(ends, times)
    if outcome.entry is not None:
        number = number - (len(ends) - np.searchsorted(np.sort(outcome.entry), times))
    return number


class LogRank(NamedTuple):
    """Result of a log-rank test: chi-square with one degree of freedom less than comparable groups."""

    statistic: float
    p_value: float


NO_LOG_RANK = "never an event while two groups are at risk"
"""Reason for no log-rank test."""


def log_rank(outcome: Outcome, group: NDArray[np.int64]) -> LogRank | None:
    """Log-rank test of equal survival in all groups (n,); None where no event happens while two groups are at risk.

    The degrees of freedom are the rank of the covariance of observed minus expected events: k − 1 for k groups, and
    less where a group is never at risk together with another one at an event, as in a handful of subjects.

    References
    ----------
    Mantel, Cancer Chemother Rep 50 (1966) 163; Peto, Peto, JRSS A 135 (1972) 185.
    """
    from scipy.stats import chi2

    times, n_events = np.unique(outcome.duration[outcome.event], return_counts=True)
    members = [group == number for number in np.unique(group)]
    at_risk = np.array([n_at_risk(outcome.take(member), times) for member in members])
    total = at_risk.sum(axis=0)
    share = at_risk / total
    excess = np.array([outcome.event[member].sum() for member in members]) - share @ n_events
    weight = n_events * (total - n_events) / np.maximum(total - 1, 1)
    size, axes = np.linalg.eigh(np.diag(share @ weight) - (share * weight) @ share.T)
    kept = size > 1e-9 * max(1.0, float(size.max()))
    if not kept.any():
        return None
    statistic = float((((axes.T @ excess) ** 2)[kept] / size[kept]).sum())
    rank = int(kept.sum())
    return LogRank(statistic, float(chi2.sf(statistic, rank)))


@dataclass(frozen=True)
class GroupCurve:
    """Kaplan–Meier curve of one group.

    Attributes
    ----------
    duration, event
        (n,) outcome of the subjects.
    times
        (k,) float64, every distinct duration, increasing.
    entry
        (n,) times of late entry; None where there is none.
    survival, low, high
        (k,) S(t) from each time on, with its pointwise 95 % log-log interval; all are 1 before the first time.
    """

    duration: Float
    event: Bool
    times: Float
    survival: Float
    low: Float
    high: Float
    entry: Float | None = None

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
        return list(map(int, n_at_risk(Outcome(self.duration, self.event, self.entry), times)))

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
        own = outcome.take(group == number)
        band = kaplan_meier_band(*own)
        survival, low, high = band.values
        curves.append(GroupCurve(own.duration, own.event, band.times, survival, low, high, own.entry))
    return curves
