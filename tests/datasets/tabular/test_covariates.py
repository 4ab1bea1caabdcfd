"""Both datasets leave out the same columns, and say so; what a user types decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from survembed.datasets import Tabular
from survembed.datasets.tabular.clinical_table import Columns, read_clinical
from survembed.errors import DataError
from tests.cli.command import survembed
from tests.datasets.preparing import prepared

N = 60
RNG = np.random.default_rng(4)
DAYS = RNG.integers(40, 2500, N).astype(float)
EVENT = RNG.integers(0, 2, N)
BASE = {"id": [f"c{row}" for row in range(N)], "time_days": DAYS, "event": EVENT, "age": RNG.integers(30, 80, N)}

LEFT_OUT: dict[str, dict[str, Any]] = {
    "row numbers": {"index": np.arange(N)},
    "row numbers of R": {"rownames": np.arange(1, N + 1)},
    "row numbers under another name": {"k": RNG.permutation(N) + 1},
    "another endpoint": {"PFI": 1 - EVENT, "DSS_months": RNG.random(N)},
    "dates": {"surgery": [f"2010-03-{1 + row % 28:02d}" for row in range(N)]},
    "follow-up": {"last_contact": RNG.random(N), "vital_status": EVENT},
    "names": {"patient_name": [f"Doe{row}" for row in range(N)], "MRN": np.arange(90000, 90000 + N)},
    "German names": {"Vorname": ["Zoë"] * N, "Geburtsdatum": ["1950-01-01"] * N, "PLZ": [79100] * N},
    "free text": {"comment": [f"seen by nurse {row}, sleeps badly" for row in range(N)]},
    "telephone": {"extra": [f"+49 761 27{row:04d}" for row in range(N)]},
}


def table(tmp_path: Path, **columns: Any) -> Path:
    path = tmp_path / "table.csv"
    pd.DataFrame({**BASE, **columns}).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_both_datasets_leave_out_the_same_columns_and_say_so(tmp_path: Path, kind: str) -> None:
    path = table(tmp_path, **LEFT_OUT[kind])
    clinical = read_clinical(path, Columns())
    cohort = prepared(Tabular(root=path).build(), tmp_path)
    assert list(clinical.covariates) == list(cohort.header.features) == ["age"]
    assert list(cohort.subjects.covariates) == ["age"]
    for notes in (clinical.notes, cohort.header.notes):
        assert all(any(name in note for note in notes) for name in LEFT_OUT[kind])
        assert not any("Doe" in note or "Zoë" in note or "nurse" in note or "761" in note for note in notes)


REVEALING = {
    "in months": DAYS / 30.4375,
    "negative": -np.sqrt(DAYS),
    "of the dead": np.where(EVENT, DAYS, RNG.random(N)),
    "event in words": np.where(EVENT, "gone", "here"),
    "cause": np.where(EVENT, np.where(DAYS > 900, "heart", "liver"), "alive"),
}


@pytest.mark.parametrize("kind", REVEALING)
def test_copies_of_the_outcome_stop_a_table_and_are_left_out_of_a_study(tmp_path: Path, kind: str) -> None:
    path = table(tmp_path, marker=REVEALING[kind])
    for features in (None, "age,marker"):
        with pytest.raises(DataError, match="'marker' may reveal the outcome") as refused:
            prepared(Tabular(root=path, features=features).build(), tmp_path)
        assert "--set 'data.allow=marker'" in str(refused.value.try_)
    assert any(
        "marker" in name for name in prepared(Tabular(root=path, allow="marker").build(), tmp_path).header.features
    )
    clinical = read_clinical(path, Columns())
    assert list(clinical.covariates) == ["age"]
    assert any("'marker' is left out" in note for note in clinical.notes)
    assert list(read_clinical(path, Columns(allow=("marker",))).covariates) == ["age", "marker"]


@pytest.mark.parametrize("name", ["PFI", "last_contact", "date_of_surgery", "index", "patient_name"])
def test_a_requested_column_is_not_left_out_silently(tmp_path: Path, name: str) -> None:
    path = table(tmp_path, **{name: np.arange(N)})
    with pytest.raises(DataError, match=name):
        prepared(Tabular(root=path, features=f"age,{name}").build(), tmp_path)


def test_places_and_words_that_differ_in_each_row_can_be_allowed_but_no_column_that_is_named_for_persons(
    tmp_path: Path,
) -> None:
    frame = pd.DataFrame(BASE).iloc[:18]
    places = [f"Zür{'i' * row}ch" for row in range(1, 19)]
    path = tmp_path / "table.csv"
    frame.assign(centre=places, patient_name=places).to_csv(path, index=False)
    clinical = read_clinical(path, Columns())
    assert list(clinical.covariates) == ["age"]
    assert any("centre" in note and "--set data.allow=NAME" in note for note in clinical.notes)
    assert not any("patient_name" in note and "data.allow" in note for note in clinical.notes)
    with pytest.raises(DataError, match="'centre' may identify a patient") as refused:
        prepared(Tabular(root=path, features="age,centre").build(), tmp_path)
    assert "--set 'data.allow=centre'" in str(refused.value.try_)
    clinical = read_clinical(path, Columns(allow=("centre", "patient_name")))
    assert list(clinical.covariates) == ["age", "centre"]
    cohort = prepared(Tabular(root=path, features="age,centre", allow="centre").build(), tmp_path)
    assert list(cohort.subjects.covariates) == ["age", "centre"]


def test_an_allowed_column_must_exist(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column 'PFi'") as refused:
        prepared(Tabular(root=table(tmp_path, PFI=EVENT), allow="PFi").build(), tmp_path)
    assert refused.value.try_ == "'PFI'"


def test_a_covariate_that_cannot_be_read_is_left_out_with_its_cell(tmp_path: Path) -> None:
    afp = [f"{value:.1f}" for value in RNG.random(N) * 99]
    afp[6] = "see letter"
    path = table(tmp_path, afp=afp)
    clinical = read_clinical(path, Columns())
    assert list(clinical.covariates) == ["age"]
    assert any("'afp'" in note and "row 7" in note for note in clinical.notes)
    with pytest.raises(DataError, match="row 7"):
        prepared(Tabular(root=path, features="afp").build(), tmp_path)


def test_the_choice_and_what_is_left_out_are_shown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = table(tmp_path, patient_name=[f"Doe{row}" for row in range(N)], rownames=np.arange(N))
    answer = survembed(capsys, "data", "show", "tabular", "--root", str(path))
    assert answer.code == 0
    shown = answer.out + answer.err
    assert "Durations are column 'time_days', in days (from the name)" in shown
    assert "patient_name" in shown
    assert "rownames" in shown
    assert "Doe1" not in shown


def test_samples_from_the_field(test_data: Path, tmp_path: Path) -> None:
    field = test_data.parent / "field"
    if not field.is_dir():
        pytest.skip(f"no sample tables at {field}")
    for name, features in (
        ("row_numbers_as_feature/idx_index.csv", ("a", "b")),
        ("row_numbers_as_feature/idx_rownames.csv", ("a", "b")),
        ("row_numbers_as_feature/noidx.csv", ("a", "b")),
        ("names_kept_in_tabular/names15.csv", ("age", "afp")),
        ("duration_guess_os/os_pair.csv", ("x",)),
        ("duration_guess_tnm/tnm.csv", ("T", "N", "M", "x")),
    ):
        cohort = prepared(Tabular(root=field / name).build(), tmp_path)
        assert cohort.header.features == features, name
        assert list(cohort.subjects.covariates) == list(features)
    assert cohort.header.time_unit == "months"
    np.testing.assert_allclose(cohort.subjects.duration[:3], [3.9, 0.3, 262.5])
