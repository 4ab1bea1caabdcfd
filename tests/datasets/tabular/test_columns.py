"""Columns of durations and events are chosen by name, content and partner; ties are refused."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from survembed.datasets.tabular.columns import find_outcome, require_column
from survembed.datasets.tabular.table import Table
from survembed.errors import DataError

DAYS = [489, 257, 411, 800, 1200, 95]
MONTHS = [16.07, 8.45, 13.5, 26.3, 39.4, 3.1]
EVENTS = [1, 0, 1, 0, 1, 1]


def here(**columns: list[Any]) -> Table:
    return Table(pd.DataFrame(columns), "here")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"OS": EVENTS, "OS_months": MONTHS, "vital_status": EVENTS}, ("OS_months", "OS")),
        ({"OS": EVENTS, "OS.time": DAYS}, ("OS.time", "OS")),
        (
            {"T": [4, 1, 1, 2, 3, 2], "N": EVENTS, "M": EVENTS, "OS_months": MONTHS, "event": EVENTS},
            ("OS_months", "event"),
        ),
        (
            {"overall_survival": EVENTS, "overall_survival_months": MONTHS, "death": EVENTS},
            ("overall_survival_months", "death"),
        ),
        ({"PFI": EVENTS, "PFI.time": [9] * 5 + [8], "OS": [0] * 5 + [1], "OS.time": DAYS}, ("OS.time", "OS")),
        ({"DFS_months": MONTHS, "DFS_event": EVENTS}, ("DFS_months", "DFS_event")),
        ({"survival": EVENTS, "time": DAYS}, ("time", "survival")),
        ({"time": DAYS, "survival_days": [x + 1 for x in DAYS], "event": EVENTS}, ("survival_days", "event")),
        ({"t": DAYS, "e": EVENTS}, ("t", "e")),
        ({"futime": DAYS, "fustat": EVENTS}, ("futime", "fustat")),
        ({"Überlebenszeit (Tage)": DAYS, "verstorben": EVENTS}, ("Überlebenszeit (Tage)", "verstorben")),
        ({"vital_days_after_surgery": DAYS, "vital_status": EVENTS}, ("vital_days_after_surgery", "vital_status")),
        ({"Survival.time": DAYS, "deadstatus.event": EVENTS}, ("Survival.time", "deadstatus.event")),
        (
            {"Survival months": DAYS, "Vital status recode (study cutoff used)": EVENTS, "death age": MONTHS},
            ("Survival months", "Vital status recode (study cutoff used)"),
        ),
        ({"time_to_death_or_censoring": DAYS, "is_dead": EVENTS}, ("time_to_death_or_censoring", "is_dead")),
        (
            {"Nachbeobachtungszeit (Monate)": MONTHS, "TTE": EVENTS, "tot": EVENTS},
            ("Nachbeobachtungszeit (Monate)", "tot"),
        ),
        ({"tte_months": MONTHS, "has_died": EVENTS, "vital": DAYS}, ("tte_months", "has_died")),
        ({"time": DAYS, "event": EVENTS, "Todesursache": ["tumour", "", "heart", "", "", ""]}, ("time", "event")),
        ({"survie_mois": MONTHS, "décès": EVENTS}, ("survie_mois", "décès")),
        ({"OS_days": DAYS, "OS_months": [x / 30.4375 for x in DAYS], "event": EVENTS}, ("OS_days", "event")),
        ({"Relapse": EVENTS, "RFS": DAYS}, ("RFS", "Relapse")),
        ({"Progression": EVENTS, "Progression free survival": DAYS}, ("Progression free survival", "Progression")),
        ({"OS_months": MONTHS, "dead": EVENTS, "RFS": DAYS, "Relapse": EVENTS}, ("OS_months", "dead")),
        ({"Délai de suivi (mois)": MONTHS, "Décès (oui/non)": EVENTS}, ("Délai de suivi (mois)", "Décès (oui/non)")),
        ({"Sopravvivenza (mesi)": MONTHS, "Stato vitale": EVENTS}, ("Sopravvivenza (mesi)", "Stato vitale")),
        ({"tempo de sobrevida (meses)": MONTHS, "óbito": EVENTS}, ("tempo de sobrevida (meses)", "óbito")),
    ],
)
def test_best_pair(columns: dict[str, list[Any]], expected: tuple[str, str]) -> None:
    assert find_outcome(here(**columns), None, None) == expected


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"time": DAYS, "survival": [x + 100 for x in DAYS], "event": EVENTS}, ("time", "survival")),
        ({"OS_months": MONTHS, "follow_up_months": [50] * 6, "event": EVENTS}, ("OS_months", "follow_up_months")),
        ({"time": DAYS, "death": EVENTS, "event": [1 - x for x in EVENTS]}, ("death", "event")),
        ({"PFS_months": MONTHS, "DFS_months": [x / 2 for x in MONTHS], "event": EVENTS}, ("PFS_months", "DFS_months")),
    ],
)
def test_ties_are_refused_with_both_named(columns: dict[str, list[Any]], named: tuple[str, str]) -> None:
    with pytest.raises(DataError) as refused:
        find_outcome(here(**columns), None, None)
    assert all(f"'{name}'" in refused.value.message for name in named)
    assert "_column=" in str(refused.value.try_)


@pytest.mark.parametrize("columns", [{"T": EVENTS}, {"OS": EVENTS}, {"T": [1, 2, 3, 4, 1, 2] * 3}, {"year": DAYS}])
def test_codes_stages_and_years_are_no_durations(columns: dict[str, list[Any]]) -> None:
    n = len(next(iter(columns.values())))
    with pytest.raises(DataError, match="which column is the duration") as refused:
        find_outcome(here(**columns, event=(EVENTS * 3)[:n]), None, None)
    assert "--set data.duration_column" in str(refused.value)


@pytest.mark.parametrize(
    ("durations", "event"),
    [
        *(("PFS_days", name) for name in ("death", "vital_status", "OS", "Relapse")),
        *(("DFS_time", name) for name in ("dead", "Relapse", "alive")),
    ],
)
def test_another_event_does_not_end_the_durations(durations: str, event: str) -> None:
    table = here(**{durations: DAYS, event: EVENTS})
    with pytest.raises(DataError, match="need not be their event"):
        find_outcome(table, None, None)
    assert find_outcome(table, durations, event) == (durations, event)  # the remedy works


def test_recurrences_are_not_taken_where_deaths_are_recorded() -> None:
    with pytest.raises(DataError):
        find_outcome(here(RFS=DAYS, Relapse=EVENTS, death=EVENTS), None, None)


def test_given_columns_are_used() -> None:
    table = here(os_months=MONTHS, time=DAYS, fate=EVENTS)
    assert find_outcome(table, "time", "fate") == ("time", "fate")
    assert find_outcome(table, None, "fate") == ("os_months", "fate")


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(DataError, match="no column 'survival_time'") as refused:
        require_column(here(survival_tme=DAYS), "survival_time")
    assert refused.value.try_ == "'survival_tme'"
