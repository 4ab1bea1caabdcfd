"""The unit of durations: from the name, else days if that is plausible, else refused."""

from __future__ import annotations

import numpy as np
import pytest

from survembed.datasets.tabular.time_unit import time_unit, unit_in, unit_warning
from survembed.errors import DataError


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        *(("OS (months)", "months"), ("time_in_month", "months"), ("Follow-up [weeks]", "weeks"), ("osYears", "years")),
        *(
            ("OS_mo", "months"),
            ("Survival (mo.)", "months"),
            ("OS months since surgery", "months"),
            ("OSmonths", "months"),
        ),
        *(("time_wk", "weeks"), ("fu_yrs", "years"), ("t (d)", "days"), ("days_alive", "days"), ("os_mths", "months")),
        *(
            ("Zeit (Tage)", "days"),
            ("Überleben_Monate", "months"),
            ("durée_jours", "days"),
            ("survie (mois)", "months"),
        ),
        *(("días", "days"), ("supervivencia_meses", "months"), ("años", "years"), ("tempo (anni)", "years")),
        *(
            ("tijd_weken", "weeks"),
            ("OS_day", "days"),
            ("days", "days"),
            ("time", None),
            ("birthday", None),
            ("7", None),
        ),
        *(("time_m", "unclear"), ("OS (m)", "unclear"), ("os_months_days", "unclear"), ("time_hours", "unclear")),
    ],
)
def test_unit_in_a_name(column: str, unit: str | None) -> None:
    assert unit_in(column) == unit


DAYS = np.array([30.0, 400, 700, 1200, 90])
MONTHS = np.array([5.0, 12, 24, 30, 60])


def test_days_if_plausible_else_refused_or_without_unit() -> None:
    assert time_unit("time", DAYS, "here", converted=True) == ("days", "in days (the name has no unit)")
    assert time_unit("time", MONTHS, "here", converted=False)[0] == "units"
    assert time_unit("OS_mo", MONTHS, "here", converted=True) == ("months", "in months (from the name)")
    for name in ("time", "OS", "survival"):
        with pytest.raises(DataError, match="unit of the durations is not clear") as refused:
            time_unit(name, MONTHS, "here", converted=True)
        assert "data.duration_unit=months" in str(refused.value.try_)
    for converted in (True, False):
        with pytest.raises(DataError, match="time_m"):
            time_unit("time_m", DAYS, "here", converted=converted)


@pytest.mark.parametrize(
    ("durations", "unit", "is_warned"),
    [
        (MONTHS, "days", True),
        (MONTHS, "months", False),
        (DAYS, "days", False),
        (DAYS, "months", False),
        (DAYS * 3, "months", True),
        (DAYS, "years", True),
        (MONTHS, "units", False),
        (np.zeros(3), "days", False),
    ],
)
def test_implausible_medians(durations: np.ndarray, unit: str, is_warned: bool) -> None:
    assert (unit_warning(durations, unit) is not None) == is_warned
