"""Exclusions: counted by reason, without names of subjects or files."""

from __future__ import annotations

import json

from survembed.cohort.exclusions import Exclusion, SubjectError, count_exclusions, without_file_names
from survembed.cohort.subjects import Channel, CohortHeader
from survembed.errors import DataError


def test_equal_reasons_are_added_up() -> None:
    problems = [
        SubjectError(f"p{number}: p{number}.nii.gz is damaged", reason=f"p{number}.nii.gz is damaged")
        for number in range(3)
    ]
    rows = SubjectError("2 row(s) without an image: a, b", reason="row(s) without an image", n=2)
    counted = count_exclusions([Exclusion("row(s) without an image", 2)], [*problems, rows], [DataError("no header")])
    assert counted == (
        Exclusion("row(s) without an image", 4),
        Exclusion("a file is damaged", 3),
        Exclusion("no header", 1),
    )


def test_file_names_are_replaced() -> None:
    for text, expected in (
        ("Mueller_Hans.nii.gz and b.dcm differ", "a file and a file differ"),
        ("several files: Roe, Jane CT.nii.gz, Roe, Jane.nii", "several files: a file, a file"),
        ("two masks, the other is roe, jane van der.nii.gz", "two masks, the other is a file"),
        ("Roe Jane.nii is truncated: 3 of 4 bytes", "a file is truncated: 3 of 4 bytes"),
        ("only 4% of the organ lies inside Roe, Jane.nii.gz", "only 4% of the organ lies inside a file"),
        ("the header of Jane Roe.nrrd is damaged", "the header of a file is damaged"),
        ("cannot read Roe Jane.dcm: no pixels", "cannot read a file: no pixels"),
    ):
        assert without_file_names(text) == expected


def test_they_survive_json_and_are_optional_in_files_written_before() -> None:
    header = CohortHeader(
        "liver", "study", (Channel("ct", "gaussian"),), (2, 2), exclusions=(Exclusion("no image", 3),)
    )
    stored = json.loads(json.dumps(header.to_dict()))
    assert stored["exclusions"] == [{"reason": "no image", "n": 3}]
    assert CohortHeader.from_dict(stored) == header
    del stored["exclusions"]
    assert CohortHeader.from_dict(stored).exclusions == ()
