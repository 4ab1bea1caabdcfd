"""Clinical tables: columns found or named, units, presets, bad rows."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from survembed.datasets.tabular.clinical_table import Columns, find_table, read_clinical
from survembed.errors import DataError

NONE = Columns()


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_known_names_are_found_and_covariates_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "Case ID,os_months,Status,age,sex,stage/T\na,2,1,60,f,10%\nb,1.5,0,,m,20 %\n")
    clinical = read_clinical(path, NONE)
    assert clinical.id.tolist() == ["a", "b"]
    np.testing.assert_allclose(clinical.duration, [2 * 30.4375, 1.5 * 30.4375])
    assert clinical.event.tolist() == [True, False]
    assert clinical.truth is None
    assert list(clinical.covariates) == ["age", "sex", "stage_T"]
    np.testing.assert_array_equal(clinical.covariates["age"], [60, np.nan])
    assert clinical.covariates["sex"].tolist() == ["f", "m"]
    np.testing.assert_array_equal(clinical.covariates["stage_T"], [10, 20])


@pytest.mark.parametrize(("unit", "days"), [("days", 1.0), ("weeks", 7.0), ("months", 30.4375), ("years", 365.25)])
def test_units_become_days(tmp_path: Path, unit: str, days: float) -> None:
    path = write(tmp_path / "t.csv", "id,duration,event\na,2,1\nb,3,0\n")
    np.testing.assert_allclose(read_clinical(path, Columns(unit=unit)).duration, [2 * days, 3 * days])


def test_asked_columns_and_event_value(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv", "id\tname_in_scans\tos\ttime\tfate\n1\tx\t5\t9\tDead\n2\ty\t6\t8\talive\n")
    asked = Columns(id="name_in_scans", duration="os", event="fate", event_value="dead")
    clinical = read_clinical(path, asked)
    assert clinical.id.tolist() == ["x", "y"]
    assert clinical.duration.tolist() == [5, 6]
    assert clinical.event.tolist() == [True, False]
    assert read_clinical(path, replace(asked, event_value=None)).event.tolist() == [True, False]  # known words
    with pytest.raises(DataError, match="columns 'os' and 'time' may both be the duration"):
        read_clinical(path, Columns(event="fate"))
    with pytest.raises(DataError, match="no column 'faet'"):
        read_clinical(path, Columns(event="faet"))


def test_columns_that_could_name_a_patient_are_left_out(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv",
        "id,time,event,Last Name,birth_date,MRN,age\na,1,1,Doe,1950-01-01,7,60\nb,2,0,Roe,1951-01-01,8,61\n",
    )
    clinical = read_clinical(path, NONE)
    assert list(clinical.covariates) == ["age"]
    assert "Doe" not in str(clinical)
    assert "Last Name, birth_date, MRN" in clinical.notes[0]


@pytest.mark.parametrize(
    "column",
    [
        *("name", "Patient's Name", "PatientName", "patient_name", "Surname", "first name", "Initials"),
        *("DOB", "Date of birth", "birthdate", "Patient Birth Date", "PatientBirthDate", "patient_dob"),
        *("MRN", "Medical Record Number", "record_no", "Hospital number", "PatientID", "Patient-ID", "AccessionNumber"),
        *("SSN", "Social Security No.", "NHS number", "Insurance", "E-Mail", "Phone", "patient address", "ZIP code"),
    ],
)
def test_columns_that_name_a_patient(tmp_path: Path, column: str) -> None:
    clinical = read_clinical(write(tmp_path / "t.csv", f"case_id,time,event,{column}\na,1,1,x\nb,2,0,y\n"), NONE)
    assert clinical.covariates == {}
    assert column in clinical.notes[0]


def test_columns_that_only_sound_like_it_are_kept(tmp_path: Path) -> None:
    names = ["age", "sex", "hospital_stay_days", "birth_weight", "hospital", "record", "tumour_number", "postop"]
    text = ",".join(["id,time,event", *names]) + "\n" + "".join(f"{who},1,1{',1' * len(names)}\n" for who in "ab")
    assert list(read_clinical(write(tmp_path / "t.csv", text), NONE).covariates) == names


BAD = {
    "twice": ("id,time,event\na,1,1\na,2,0\n", "appears 2 times"),
    "negative": ("id,time,event\na,1,1\nb,-2,0\n", "missing, negative or non-numeric durations"),
    "nan": ("id,time,event\na,1,1\nb,,0\n", "missing, negative or non-numeric durations"),
    "word": ("id,time,event\na,1,1\nb,soon,0\n", "missing, negative or non-numeric durations"),
    "two": ("id,time,event\na,1,2\nb,3,0\n", "events that cannot be read"),
    "no id": ("id,time,event\n,1,1\nb,3,0\n", "has no id"),
    "no event": ("id,time\na,1\nb,3\n", "cannot determine which column is the event"),
    "empty": ("", "empty"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_tables_are_refused(tmp_path: Path, kind: str) -> None:
    text, message = BAD[kind]
    with pytest.raises(DataError, match=message):
        read_clinical(write(tmp_path / "t.csv", text), NONE)


def test_bad_rows_are_refused_with_the_way_to_leave_them_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="first: subject 'b'") as refused:
        read_clinical(write(tmp_path / "t.csv", "id,time,event\na,1,1\nb,,0\n"), NONE)
    assert "skip_bad" in str(refused.value.try_)
    with pytest.raises(DataError, match="appears 2 times") as refused:
        read_clinical(write(tmp_path / "t.csv", "id,time,event\na,1,1\na,2,0\n"), NONE)
    assert refused.value.try_ is None  # nobody can tell which of the two is meant


def test_skip_bad_leaves_rows_out_with_a_note(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "id,time,event\na,1,1\nb,-2,0\nc,soon,1\nd,4,\ne,0,0\nf,,1\n")
    clinical = read_clinical(path, NONE, skip_bad=True)
    assert clinical.id.tolist() == ["a", "e"]
    assert clinical.notes[0].startswith("4 row(s)")
    assert "b, c, d, f" in clinical.notes[0]
    twice = write(tmp_path / "u.csv", "id,time,event\na,1,1\na,2,0\n")
    with pytest.raises(DataError, match="appears 2 times"):
        read_clinical(twice, NONE, skip_bad=True)


def test_crlm_preset(tmp_path: Path) -> None:
    path = tmp_path / "crlm.xlsx"
    frame = pd.DataFrame(
        {
            "Patient-ID": ["CRLM-CT-1001", "CRLM-CT-1002"],
            "overall_survival_months": [20, 55.5],
            "vital_status": [1, 0],
            "n_lesions": [-999, 3],
            "percent_necrosis": ["35%", "7.5%"],
        }
    )
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"x": [1]}).to_excel(book, sheet_name="legend", index=False)
        frame.to_excel(book, sheet_name="TCIA_n=197", index=False)
    clinical = read_clinical(path, NONE, "crlm")
    assert clinical.id.tolist() == ["CRLM-CT-1001", "CRLM-CT-1002"]
    np.testing.assert_allclose(clinical.duration, np.array([20, 55.5]) * 30.4375)
    assert clinical.event.tolist() == [True, False]
    np.testing.assert_array_equal(clinical.covariates["n_lesions"], [np.nan, 3])
    np.testing.assert_array_equal(clinical.covariates["percent_necrosis"], [35, 7.5])
    frame.to_excel(tmp_path / "other.xlsx", index=False)
    with pytest.raises(DataError, match="no sheet 'TCIA_n=197'"):
        read_clinical(tmp_path / "other.xlsx", NONE, "crlm")


def test_other_presets(tmp_path: Path) -> None:
    hcc = write(tmp_path / "h.csv", "TCIA_ID,OS,Death_1_StillAliveorLostToFU_0\nHCC_001,10,1\nHCC_002,4,0\n")
    assert read_clinical(hcc, NONE, "hcc-tace").duration.tolist() == [70, 28]
    waw = write(tmp_path / "w.csv", "PATPRI,survival_time,death\n1,100,1\n2,40,0\n")
    assert read_clinical(waw, NONE, "waw-tace").duration.tolist() == [100, 40]
    with pytest.raises(DataError, match="no column 'PATPRI'"):
        read_clinical(hcc, NONE, "waw-tace")


def test_kits23_in_both_forms(test_data: Path) -> None:
    table = test_data / "kits23" / "clinical.csv"
    derived = read_clinical(table, NONE)
    released = read_clinical(test_data / "kits23_release" / "dataset" / "kits23.json", NONE, "kits23")
    assert len(derived.id) == len(released.id) == 302
    order = np.argsort(released.id)
    np.testing.assert_array_equal(released.id[order], np.sort(derived.id))
    by_id = np.argsort(derived.id)
    np.testing.assert_array_equal(released.duration[order], derived.duration[by_id])
    np.testing.assert_array_equal(released.event[order], derived.event[by_id])
    assert derived.event.sum() == 47
    assert "comorbidities.aids" in released.covariates
    preset = read_clinical(table, NONE, "kits23")
    np.testing.assert_array_equal(preset.duration, derived.duration)


def test_truth_is_read_where_it_is_declared(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "id,time,event,truth\na,1,1,0.5\nb,2,0,-0.5\n")
    clinical = read_clinical(path, Columns(truth="truth"))
    assert clinical.truth is not None
    assert clinical.truth.tolist() == [0.5, -0.5]
    assert "truth" not in clinical.covariates
    with pytest.raises(DataError, match="not numbers"):
        read_clinical(write(path, "id,time,event,truth\na,1,1,x\nb,2,0,1\n"), Columns(truth="truth"))


def test_the_only_table_is_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no clinical table"):
        find_table(tmp_path)
    (tmp_path / "dataset.json").touch()
    (tmp_path / "~$lock.xlsx").touch()
    (tmp_path / "kits.json").touch()
    assert find_table(tmp_path).name == "kits.json"
    (tmp_path / "a.csv").touch()
    assert find_table(tmp_path).name == "a.csv"
    (tmp_path / "b.xlsx").touch()
    with pytest.raises(DataError, match="2 clinical tables"):
        find_table(tmp_path)


ANYTHING = st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode))
ROWS = st.lists(st.lists(st.text("ab01 -.,;%\"'\n\0né", max_size=5), max_size=5), max_size=6)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=ANYTHING, suffix=st.sampled_from([".csv", ".tsv", ".xlsx", ".json"]), skip_bad=st.booleans())
def test_any_bytes_raise_only_our_errors(tmp_path: Path, content: bytes, suffix: str, skip_bad: bool) -> None:
    path = tmp_path / f"t{suffix}"
    path.write_bytes(content)
    with suppress(DataError):
        read_clinical(path, NONE, skip_bad=skip_bad)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=ROWS, skip_bad=st.booleans())
def test_any_rows_raise_only_our_errors(tmp_path: Path, rows: list[list[str]], skip_bad: bool) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["id,time,event,x", *(",".join(row) for row in rows)]))
    with suppress(DataError):
        clinical = read_clinical(path, NONE, skip_bad=skip_bad)
        assert len(clinical.id) == len(clinical.duration) == len(clinical.event)
        assert np.isfinite(clinical.duration).all()
        assert (clinical.duration >= 0).all()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "time", "event", "x"]), inner),
    max_leaves=12,
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=JSON)
def test_any_json_raises_only_our_errors(tmp_path: Path, value: object) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(value))
    with suppress(DataError):
        read_clinical(path, NONE)
