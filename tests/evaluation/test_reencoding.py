"""Claimed and re-encoded hazards."""

from __future__ import annotations

import numpy as np
import pytest

from survembed.evaluation.reencoding import differing, slope, warning


def test_slope_is_that_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    claimed = rng.normal(size=50)
    again = 0.7 * claimed + 0.3 + rng.normal(size=50)
    assert slope(claimed, again) == pytest.approx(np.polyfit(claimed, again, 1)[0])
    assert np.isnan(slope(np.full(5, 2.0), again[:5]))


def test_hazards_differ_above_a_fifth_of_the_claim_and_a_factor_of_1_2() -> None:
    claimed = np.log([1.0, 1.0, 4.0, 4.0])
    again = np.log([1.19, 1.21, 4.0 / 1.5, 4.0 / 1.7])  # 0.2·log 4 + log 1.2 is the log of 1.583
    assert differing(claimed, again) == [1, 3]


def test_the_warning_names_the_worst_image() -> None:
    steps = np.array([-1.0, 0.0, 1.0])
    good, bad = np.log([0.5, 1.0, 2.0]), np.log([0.9, 1.0, 1.1])
    assert warning(steps, {"z0": (good, good)}) is None
    text = warning(steps, {"z0": (good, good), "z3": (good, bad)})
    assert text == (
        "2 of 6 decoded images (rows z3) do not show the claimed hazard: z3 at +1 claims × 2, but the model rates that "
        "image × 1.1"
    )
