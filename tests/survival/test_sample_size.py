"""Sample size: the published example of pmsampsize (30 parameters, R² 0.051, rate 0.065, mean follow-up 2.07 years)."""

from __future__ import annotations

import math

import pytest

from survembed.survival.sample_size import sample_size


def test_the_published_example() -> None:
    n = 5143
    found = sample_size(n, round(0.065 * 2.07 * n), 30, 2.07 * n, 2.0, 0.051)
    assert (found.for_shrinkage, found.for_optimism, found.needed) == (5143, 1039, 5143)
    assert found.per_parameter == pytest.approx(23.07, abs=0.01)
    risk = 1 - math.exp(-0.065 * 2)
    upper = 1 - math.exp(-2 * (0.065 + 1.96 * math.sqrt(0.065 / (2.07 * n))))
    assert found.margin == pytest.approx(upper - risk, abs=1e-4)
