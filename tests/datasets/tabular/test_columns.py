"""Columns are found by name."""

from __future__ import annotations

import pandas as pd
import pytest

from survembed.datasets.tabular.columns import DURATION_NAMES, EVENT_NAMES, ID_NAMES, find_column, guess_column
from survembed.errors import DataError


def test_columns_by_name() -> None:
    frame = pd.DataFrame(columns=["Case ID", "OS", "OS.time", "T"])
    duration = find_column(frame, None, DURATION_NAMES, "duration_column", "here")
    assert duration == "OS.time"
    assert find_column(frame, None, EVENT_NAMES, "event_column", "here", taken=(duration,)) == "OS"
    assert guess_column(frame, ID_NAMES) == "Case ID"
    assert guess_column(frame, ("t",), taken=("T",)) is None


def test_a_column_that_is_not_there() -> None:
    frame = pd.DataFrame(columns=["survival_tme", "died"])
    with pytest.raises(DataError, match="no column 'survival_time'") as caught:
        find_column(frame, "survival_time", DURATION_NAMES, "duration_column", "here")
    assert caught.value.try_ == "'survival_tme'"
    with pytest.raises(DataError, match="which column is the duration") as caught:
        find_column(frame, None, DURATION_NAMES, "duration_column", "here")
    assert "--set data.duration_column" in str(caught.value)
