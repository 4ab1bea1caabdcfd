"""Warnings of implausible outcomes."""

from __future__ import annotations

import numpy as np
import pytest

from survembed.datasets.volume.sanity_checks import outcome_warnings


@pytest.mark.parametrize(
    ("durations", "events", "unit_given", "reason"),
    [
        ([0, 0, 0], [1, 0, 1], True, "all durations are 0"),
        ([7, 7, 7], [1, 0, 1], True, "all durations are 7 days"),
        ([0, 400, 500], [1, 0, 1], True, "1 duration(s) of 0 days"),
        ([0.2, 1.4, 2.5], [0, 0, 1], True, "are the durations years or months"),
        ([20.5, 31.2, 44.0], [0, 0, 1], False, "are they months"),
        ([40_000, 50_000, 60_000], [0, 0, 1], True, "in a smaller unit"),
        ([100, 200, 300], [1, 1, 1], True, "every subject has the event"),
        ([100 + i for i in range(50)], [i > 0 for i in range(50)], True, "is the event column inverted"),
        ([100 + i for i in range(50)], [i == 0 for i in range(50)], True, "is the event column inverted"),
    ],
)
def test_implausible_outcomes(durations: list[float], events: list[int], unit_given: bool, reason: str) -> None:
    found = outcome_warnings(np.array(durations, dtype=float), np.array(events, dtype=bool), unit_given)
    assert any(reason in warning for warning in found), found


def test_plausible_outcomes_raise_no_doubt() -> None:
    assert outcome_warnings(np.array([300.0, 450.0, 900.0]), np.array([True, False, True]), False) == []
