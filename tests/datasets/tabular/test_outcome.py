"""Tables of clinics as files: the outcome that is read is the planted one, or the table is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from survembed.datasets.tabular.clinical_table import ClinicalTable, Columns, read_clinical
from survembed.errors import DataError

N = 40
RNG = np.random.default_rng(3)
DAYS = RNG.integers(40, 2500, N)
EVENT = RNG.integers(0, 2, N)
IDS = [f"c{row:03d}" for row in range(N)]


def read(tmp_path: Path, columns: dict[str, Any], skip_bad: bool = False, **asked: Any) -> ClinicalTable:
    path = tmp_path / "clinical.csv"
    pd.DataFrame({"case_id": IDS, **columns}).to_csv(path, index=False)
    return read_clinical(path, Columns(**asked), skip_bad=skip_bad)


@pytest.fixture
def field(test_data: Path) -> Path:
    folder = test_data.parent / "field"
    if not folder.is_dir():
        pytest.skip(f"no sample tables at {folder}")
    return folder


@pytest.mark.parametrize(
    ("columns", "days_per_unit"),
    [
        ({"T": RNG.integers(1, 5, N), "OS_mo": DAYS, "event": EVENT}, 30.4375),
        ({"OS": EVENT, "Survival (mo.)": DAYS}, 30.4375),
        ({"Death (0/1)": EVENT, "Follow-up [d]": DAYS}, 1),
        ({"OS months since surgery": DAYS, "death": EVENT}, 30.4375),
        ({"fu_weeks": DAYS, "vital_status": np.where(EVENT, "Dead", "Alive")}, 7),
        ({"überleben_jahre": DAYS / 100, "verstorben": np.where(EVENT, "ja", "nein")}, 3.6525),
        ({"time": DAYS, "OS_STATUS": np.where(EVENT, "1:DECEASED", "0:LIVING")}, 1),
    ],
)
def test_durations_and_events_are_the_planted_ones(
    tmp_path: Path, columns: dict[str, Any], days_per_unit: float
) -> None:
    clinical = read(tmp_path, columns)
    np.testing.assert_allclose(clinical.duration, DAYS * days_per_unit)
    np.testing.assert_array_equal(clinical.event, EVENT == 1)
    assert str(clinical.columns.unit) in clinical.choice
    assert f"'{clinical.columns.duration}'" in clinical.choice


@pytest.mark.parametrize("name", ["time", "OS", "survival", "follow_up"])
def test_months_without_a_unit_are_refused_and_the_remedy_works(tmp_path: Path, name: str) -> None:
    columns = {name: DAYS // 30, "event": EVENT}
    with pytest.raises(DataError, match="unit of the durations is not clear") as refused:
        read(tmp_path, columns)
    assert "data.duration_unit=months" in str(refused.value.try_)
    np.testing.assert_allclose(read(tmp_path, columns, unit="months").duration, DAYS // 30 * 30.4375)


def test_an_implausible_median_is_said(tmp_path: Path) -> None:
    assert "is the unit right" in read(tmp_path, {"os_days": DAYS // 100, "event": EVENT}).notes[-1]
    assert "is the unit right" in read(tmp_path, {"os_months": DAYS, "event": EVENT}).notes[-1]


@pytest.mark.parametrize(("codes", "deaths"), [([1, 2], {2: 1}), ([0, 1, 2], {2: 1}), ([0, 2], {2: 1})])
@pytest.mark.parametrize("skip_bad", [False, True])
def test_other_codes_are_refused_also_with_skip_bad(
    tmp_path: Path, codes: list[int], deaths: dict[int, int], skip_bad: bool
) -> None:
    status = np.array(codes)[np.arange(N) % len(codes)]
    columns = {"os_days": DAYS, "status": status}
    with pytest.raises(DataError, match="cannot be read") as refused:
        read(tmp_path, columns, skip_bad)
    assert all(str(code) in str(refused.value.try_) for code in codes)
    clinical = read(tmp_path, columns, skip_bad, event_value="2")
    np.testing.assert_array_equal(clinical.event, status == 2)
    assert ("'1' as censored" in clinical.choice) == (1 in codes)


@pytest.mark.parametrize("skip_bad", [False, True])
def test_durations_of_the_dead_alone_are_refused(tmp_path: Path, skip_bad: bool) -> None:
    columns = {"days_to_death": np.where(EVENT, DAYS, np.nan), "vital_status": np.where(EVENT, "Dead", "Alive")}
    with pytest.raises(DataError, match="subjects without the event"):
        read(tmp_path, columns, skip_bad, duration="days_to_death")


def test_the_last_contact_is_not_taken_for_the_time_of_death(tmp_path: Path) -> None:
    death = np.where(EVENT, DAYS.astype(str), "'--")
    columns = {"days_to_last_follow_up": np.where(EVENT, DAYS // 2, DAYS), "vital_status": EVENT}
    with pytest.raises(DataError, match="'days_to_death' differs") as refused:
        read(tmp_path, {**columns, "days_to_death": death})
    assert "data.duration_column" in str(refused.value.try_)
    declared = read(tmp_path, {**columns, "days_to_death": death}, duration="days_to_last_follow_up")
    np.testing.assert_array_equal(declared.duration, columns["days_to_last_follow_up"])
    joined = read(tmp_path, {**columns, "days_to_last_follow_up": DAYS, "days_to_death": death})
    np.testing.assert_array_equal(joined.duration, DAYS)
    with pytest.raises(DataError, match="subjects without the event"):
        read(tmp_path, {"days_to_death": death, "vital_status": EVENT}, duration="days_to_death")


def test_only_rows_without_a_value_are_bad(tmp_path: Path) -> None:
    status = [str(code) for code in EVENT]
    status[3], status[7] = "", "unknown"
    clinical = read(tmp_path, {"os_days": DAYS, "status": status}, skip_bad=True)
    assert len(clinical.id) == N - 2
    np.testing.assert_array_equal(clinical.event, np.delete(EVENT, [3, 7]) == 1)
    with pytest.raises(DataError, match="no event for 2 subject"):
        read(tmp_path, {"os_days": DAYS, "status": status})


@pytest.mark.parametrize("names", [["Roe, Jane", "Doe, John"], ["Jane Roe", "John Doe"], ["ROE^JANE", "DOE^JOHN"]])
def test_names_are_no_ids(tmp_path: Path, names: list[str]) -> None:
    people = [f"{names[row % 2]}{'abcdefghijklmnopqrstuvwxyz'[row // 2]}" for row in range(N)]
    path = tmp_path / "clinical.csv"
    pd.DataFrame({"patient": people, "os_days": DAYS, "event": EVENT, "age": DAYS % 50}).to_csv(path, index=False)
    with pytest.raises(DataError, match="names of people") as refused:
        read_clinical(path, Columns())
    assert "data.id_column" in str(refused.value.try_)
    assert "Roe" not in str(refused.value)


def test_samples_from_the_field(field: Path) -> None:
    lung = field / "skip_bad_drops_deaths" / "lung_clinical.csv"
    for table, deaths in ((lung, 8), (lung.with_name("pbc_clinical.csv"), 6)):
        with pytest.raises(DataError, match="cannot be read"):
            read_clinical(table, Columns(), skip_bad=True)
        clinical = read_clinical(table, Columns(event_value="2"), skip_bad=True)
        assert (len(clinical.id), clinical.event.sum()) == (12, deaths)
    months = read_clinical(field / "unit_of_duration" / "clinical0.csv", Columns())
    np.testing.assert_allclose(months.duration[:3], np.array([5, 12, 24]) * 30.4375)
    tnm = read_clinical(field / "duration_guess_tnm" / "tnm.csv", Columns())
    assert (tnm.columns.duration, tnm.columns.unit) == ("OS_months", "months")
    assert list(tnm.covariates) == ["T", "N", "M", "x"]
