"""A metric with its interval: the bootstrap over subjects, vectorised over resamples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

Statistic = Callable[[Float], Float]
"""From weights (n, b), how often each of n subjects counts in each of b samples, to b values; NaN where undefined."""

N_RESAMPLES = 500
_CHUNK = 2_000_000  # numbers in one block of weights: 16 MB


@dataclass(frozen=True)
class Metric:
    """A value with its 95 % percentile interval over resampled subjects.

    Attributes
    ----------
    value
        On the subjects as they are; NaN where undefined, and then `reason` says why.
    low, high
        Limits of the interval; NaN without resamples.
    reason
        Why there is no value; empty where there is one.
    n_failed
        Resamples in which the metric was undefined (no comparable pair, …); the interval leaves them out.
    samples
        (b,) float64, the metric of each resample. Metrics made with the same subjects, seed and number of resamples saw
        the same resamples, so their samples are paired.
    """

    value: float
    low: float = np.nan
    high: float = np.nan
    reason: str = ""
    n_failed: int = 0
    samples: Float = field(default_factory=lambda: np.empty(0), repr=False, compare=False)

    @classmethod
    def of(cls, value: float, samples: Float, reason: str) -> Metric:
        """Interval and failures from the samples; `reason` is kept only where the value is NaN."""
        if np.isnan(value):
            return cls(np.nan, reason=reason, n_failed=len(samples))
        good = samples[~np.isnan(samples)]
        low, high = np.percentile(good, [2.5, 97.5]) if len(good) else (np.nan, np.nan)
        return cls(float(value), float(low), float(high), "", len(samples) - len(good), samples)

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside the interval: of a paired difference, whether the two models differ."""
        return self.low > 0 or self.high < 0

    def to_dict(self) -> dict[str, Any]:
        """For JSON: value, low, high (None for NaN), and where there are any, reason and number of failed resamples."""
        numbers = {name: getattr(self, name) for name in ("value", "low", "high")}
        plain: dict[str, Any] = {name: None if np.isnan(number) else number for name, number in numbers.items()}
        if self.reason:
            plain["reason"] = self.reason
        if self.n_failed:
            plain["n_failed"] = self.n_failed
        return plain


def bootstrap(
    statistic: Statistic, n: int, *, n_resamples: int = N_RESAMPLES, seed: int = 0, reason: str = "undefined"
) -> Metric:
    """The statistic of n subjects with its interval over subjects drawn with replacement.

    Parameters
    ----------
    statistic
        Called with weights (n, 1) of ones for the value, then with (n, b) blocks of resamples.
    n
        Number of subjects.
    n_resamples, seed
        Resamples depend on these and on n alone. 0 resamples: no interval.
    reason
        What the metric says where the statistic is NaN.
    """
    if n == 0:
        return Metric(np.nan, reason="no subjects")
    value = float(statistic(np.ones((n, 1)))[0])
    if np.isnan(value):
        return Metric(np.nan, reason=reason)
    rng = np.random.default_rng(seed)
    width = max(1, _CHUNK // n)
    blocks = [np.empty(0)]
    for start in range(0, n_resamples, width):
        draws = [rng.integers(n, size=n) for _ in range(min(width, n_resamples - start))]
        weights = np.stack([np.bincount(draw, minlength=n) for draw in draws], axis=1).astype(np.float64)
        blocks.append(statistic(weights))
    return Metric.of(value, np.concatenate(blocks), reason)


def combine(function: Callable[[Float, Float], Float], a: Metric, b: Metric) -> Metric:
    """`function` of two metrics made with the same subjects, seed and number of resamples, resample by resample."""
    reason = a.reason or b.reason
    if reason:
        return Metric(np.nan, reason=reason)
    with np.errstate(divide="ignore", invalid="ignore"):  # a score of 0 to divide by, in some resamples of few subjects
        value, samples = function(np.array(a.value), np.array(b.value)), function(a.samples, b.samples)
    samples = np.where(np.isfinite(samples), samples, np.nan)
    return Metric.of(float(value) if np.isfinite(value) else np.nan, samples, "undefined")


def paired_difference(a: Metric, b: Metric) -> Metric:
    """a − b with the interval of the paired bootstrap; see `combine`."""
    return combine(np.subtract, a, b)


def with_interval(metric: Metric) -> str:
    """`0.646 (0.580 to 0.712)`; the reason where there is no value."""
    if not math.isfinite(metric.value):
        return f"none: {metric.reason}"
    interval = f" ({metric.low:.3f} to {metric.high:.3f})" if math.isfinite(metric.low) else ""
    return f"{metric.value:.3f}{interval}"
