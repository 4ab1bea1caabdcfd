"""Metrics with bootstrap intervals over subjects, vectorised over resamples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from survembed.storage.result import plain
from survembed.survival.outcome import Float

Statistic = Callable[[Float], Float]
"""Maps weights (n, b), the count of each of n subjects in each of b resamples, to b values; NaN where undefined."""

N_RESAMPLES = 500
_CHUNK = 2_000_000  # numbers in one block of weights: 16 MB


@dataclass(frozen=True)
class Metric:
    """A value with its 95 % percentile interval over resampled subjects.

    Attributes
    ----------
    value
        On the original subjects; NaN where undefined.
    low, high
        Limits of the interval; NaN without resamples.
    reason
        Why `value` is NaN; else empty.
    n_failed
        Resamples in which the metric is undefined (no comparable pair, …); the interval excludes them.
    samples
        (b,) float64, the metric of each resample. They are paired between metrics of the same subjects, seed and number
        of resamples.
    """

    value: float
    low: float = np.nan
    high: float = np.nan
    reason: str = ""
    n_failed: int = 0
    samples: Float = field(default_factory=lambda: np.empty(0), repr=False, compare=False)

    @classmethod
    def of(cls, value: float, samples: Float, reason: str) -> Metric:
        """Metric with the interval of `samples`; `reason` is used where the value is NaN."""
        if np.isnan(value):
            return cls(np.nan, reason=reason, n_failed=len(samples))
        defined = samples[~np.isnan(samples)]
        low, high = np.percentile(defined, [2.5, 97.5]) if len(defined) else (np.nan, np.nan)
        return cls(float(value), float(low), float(high), "", len(samples) - len(defined), samples)

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval excludes 0; for a paired difference, whether the two models differ."""
        return self.low > 0 or self.high < 0

    def to_dict(self) -> dict[str, Any]:
        """For JSON: value, low and high (None for NaN); reason and n_failed only where they apply."""
        optional = {"reason": self.reason, "n_failed": self.n_failed}
        numbers = plain({"value": self.value, "low": self.low, "high": self.high})
        return {**numbers, **{name: value for name, value in optional.items() if value}}


def bootstrap(
    statistic: Statistic, n: int, *, n_resamples: int = N_RESAMPLES, seed: int = 0, reason: str = "undefined"
) -> Metric:
    """Statistic of n subjects with its interval over resamples of subjects with replacement.

    Parameters
    ----------
    statistic
        Called with weights (n, 1) of ones for the value, then with (n, b) blocks of resamples.
    n
        Number of subjects.
    n_resamples, seed
        Resamples depend only on these and on n. 0 resamples give no interval.
    reason
        Reason of the metric where the statistic is NaN.
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
    """`function` of two metrics of the same subjects, seed and number of resamples, applied to each resample."""
    reason = a.reason or b.reason
    if reason:
        return Metric(np.nan, reason=reason)
    with np.errstate(divide="ignore", invalid="ignore"):  # small resamples may have a score of 0
        value, samples = function(np.array(a.value), np.array(b.value)), function(a.samples, b.samples)
    samples = np.where(np.isfinite(samples), samples, np.nan)
    return Metric.of(float(value) if np.isfinite(value) else np.nan, samples, "undefined")


def paired_difference(a: Metric, b: Metric) -> Metric:
    """Difference a − b with the interval of the paired bootstrap; see `combine`."""
    return combine(np.subtract, a, b)


def with_interval(metric: Metric) -> str:
    """`0.646 (0.580 to 0.712)`; the reason where there is no value."""
    if not math.isfinite(metric.value):
        return f"none: {metric.reason}"
    interval = f" ({metric.low:z.3f} to {metric.high:z.3f})" if math.isfinite(metric.low) else ""
    return f"{metric.value:z.3f}{interval}"
