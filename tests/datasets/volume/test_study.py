"""Images joined with the clinical table."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from survembed.errors import DataError
from tests.datasets.cases import write_cohort
from tests.datasets.preparing import RecordingReporter, key, liver, prepared


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_cohort(tmp_path / "study")


def test_a_file_that_makes_no_case_is_seen_though_the_others_are_prepared(root: Path) -> None:
    before = key(liver(root))
    (root / "imagesTr" / "s9_0000.nii.gz").write_bytes(b"a CT whose mask is not drawn yet")
    assert key(liver(root)) != before


def test_cts_without_any_mask_are_named(root: Path) -> None:
    shutil.rmtree(root / "labelsTr")
    with pytest.raises(DataError, match=r"(?s)6 problem\(s\) in 'study':.*s0: a CT without its mask") as refused:
        key(liver(root))
    assert "survembed data segment" in refused.value.message


def test_what_is_left_out_of_the_table_is_said(root: Path) -> None:
    table = root / "clinical.csv"
    table.write_text(table.read_text().replace("time_days,event,age", "time_days,event,MRN").replace("s3,130", "s3,"))
    reporter = RecordingReporter()
    liver(root, skip_bad=True).build().fingerprint(reporter)
    assert any("1 row(s) of the clinical table" in warned and "s3" in warned for warned in reporter.warned)
    assert any("can identify a patient were dropped: MRN" in warned for warned in reporter.warned)


def test_exclusions_are_data(root: Path, tmp_path: Path) -> None:
    table = root / "clinical.csv"
    table.write_text(table.read_text().replace("s1,", "x1,").replace("s2,", "x2,").replace("s3,130", "s3,"))
    with prepared(liver(root, skip_bad=True).build(), tmp_path) as cohort:
        exclusions = {exclusion.reason: exclusion.n for exclusion in cohort.header.exclusions}
    assert exclusions == {
        "row(s) of the clinical table without a usable duration or event": 1,
        "row(s) without an image": 2,
        "image(s) without a row": 3,
    }


def test_rows_without_image_and_images_without_row(root: Path, tmp_path: Path) -> None:
    table = root / "clinical.csv"
    table.write_text(table.read_text().replace("s1,", "x1,").replace("s2,", "x2,"))
    with pytest.raises(DataError) as refused:
        prepared(liver(root).build(), tmp_path)
    assert "2 row(s) without an image: x1, x2" in refused.value.message
    assert "2 image(s) without a row: s1, s2" in refused.value.message
    table.write_text(table.read_text() + "".join(f"z{number},1,1,50\n" for number in range(8)))
    with pytest.raises(DataError, match=r"10 row\(s\) without an image: x1, x2, z0, .*, z7 \("):  # all of them
        prepared(liver(root).build(), tmp_path)
    with prepared(liver(root, skip_bad=True).build(), tmp_path) as cohort:
        assert cohort.subjects.id.tolist() == ["s0", "s3", "s4", "s5"]
    table.write_text(table.read_text().replace("s", "y").replace("time_dayy", "time_days").replace("caye", "case"))
    with pytest.raises(DataError, match=r"no id in .* is the name of an image") as refused:
        key(liver(root))
    assert "s0" in str(refused.value.expected)
