"""Numbers on the page of a prediction."""

from __future__ import annotations

import numpy as np
import pytest

from survembed.figures.predict import last_index_above, time_text
from survembed.survival.kaplan_meier import kaplan_meier


@pytest.mark.parametrize("n", range(4, 100, 4))
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_last_time_above_a_level_that_the_curve_reaches_exactly(n: int, quarters: int) -> None:
    """With n distinct events S(t) is exactly 3/4, 1/2 and 1/4: rounding moved the time by one event for some n."""
    times = np.arange(n + 1.0)
    curve = kaplan_meier(times[1:], np.ones(n, dtype=bool))
    assert last_index_above(curve, times, quarters / 4) == n * (4 - quarters) // 4 - 1


def test_last_time_above_a_level_that_is_never_or_always_reached() -> None:
    times = np.array([0.0, 1.0, 2.0])
    assert last_index_above(kaplan_meier(times[1:], np.array([False, False])), times, 0.5) == 2
    assert last_index_above(kaplan_meier(np.zeros(2), np.array([True, True])), times, 0.5) == 0


def test_times() -> None:
    assert (time_text(12.0, "days"), time_text(0.5), time_text(np.nan, "days")) == ("12 days", "0.5", "not reached")
