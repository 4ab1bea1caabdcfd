"""The flow of exclusions and the table of subjects: correct counts, no names."""

from __future__ import annotations

import numpy as np

from survembed.cohort.exclusions import Exclusion
from survembed.cohort.subjects import Subjects
from survembed.evaluation.participants import participants
from survembed.report.participants import flow

NOTES = (
    "left out: 3 row(s) without an image: Mueller_Hans, p8, p9",
    "left out: 2 image(s) without a row: p10, p11",
    "left out: p12: the header of p12.nii.gz is damaged: dimensions",
    "left out: p13: the header of p13.nii.gz is damaged: dimensions",
    "left out: p14: p14_mask.nii.gz holds no organ: the mask is empty",
    "4 row(s) of the clinical table without a usable duration or event left out: p15, p16",
    "12 of 300 subjects are left out: they miss a feature.",
    "p1: the organ touches the edge of p1.nii.gz",
    "p2: the organ touches the edge of p2.nii.gz",
    "Line 1, 'Patients of Dr. Mueller', is a title and is left out.",
    "no case has any tumour",
)


EXCLUSIONS = (Exclusion("a feature is missing", 12), Exclusion("row(s) without an image", 3))


def test_exclusions_are_counted() -> None:
    found = flow(NOTES, EXCLUSIONS, ["p1", "p2", "p3"], 3)
    assert found.left_out == (("a feature is missing", 12), ("row(s) without an image", 3))
    assert found.found == 3 + 15
    assert found.remarks == ("the organ touches the edge of a file (2 subjects)", "no case has any tumour")


def test_no_subject_is_named() -> None:
    found = flow(NOTES, EXCLUSIONS, ["p1", "p2"], 2)
    text = repr(found)
    assert not [name for name in ("Mueller", *(f"p{number}" for number in range(1, 17))) if name in text]


def test_a_cohort_without_notes() -> None:
    assert flow((), (), ["a"], 1) == flow((), (), [], 1)
    assert flow((), (), ["a"], 1).left_out == ()


def test_the_table() -> None:
    subjects = Subjects(
        id=np.array(["a", "b", "c", "d"]),
        duration=np.array([1.0, 2, 3, 4]),
        event=np.array([True, False, True, False]),
        covariates={
            "age": np.array([50.0, np.nan, 70, 60]),
            "sex": np.array(["m", "", "f", "f"]),
            "tumour_ml": np.array([1.0, 2, 3, 4]),
        },
        measures={"tumour_ml": np.array([1.0, 2, 3, 4])},
    )
    rows = participants(subjects, {"all": np.ones(4, bool), "none": np.zeros(4, bool)}, "days")
    table = {row[0]: row[1:] for row in rows}
    assert table["subjects"] == ["4", "0"]
    assert table["events"] == ["2 (50%)", "0"]
    assert table["duration (days)"][0] == "2.5 (1.75 to 3.25)"
    assert table["tumour volume (ml)"][0] == "2.5 (1.75 to 3.25)"
    assert "tumour_ml" not in table
    assert table["age"][0] == "60 (55 to 65); 1 missing"
    assert (table["sex: f"][0], table["sex: missing"][0]) == ("2 (50%)", "1 (25%)")
