"""`data check volumes`: every subject is read like in `prepare`; the bad are named and the others shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from survembed.cohort.study_check import StudyCheck
from survembed.workflows.check import check
from tests.cli.command import survembed
from tests.datasets.channels.studies import volumes, write_hecktor
from tests.datasets.channels.test_volumes import spoil


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_hecktor(tmp_path / "study")


def checked(root: Path, **options: object) -> StudyCheck:
    return check(volumes(root, **options), "volumes")


def test_a_sound_study(root: Path) -> None:
    found = checked(root, fov_mm=None)
    assert found.n_bad == 0
    assert [case.id for case in found.cases] == [f"CHUM-{number:03d}" for number in range(4)]
    first = found.cases[0]
    assert (first.shape, first.spacing_mm, first.orientation) == ((50, 50, 30), (2.0, 2.0, 3.0), "LPS")
    assert first.tumour_ml == pytest.approx(7.2, abs=0.3)
    assert first.thumbnail is not None
    assert first.thumbnail.startswith(b"\x89PNG")
    assert found.suggested_fov_mm == 60
    assert "Images: CT (ct, 4), PT (suv, 4). Labels: tumour (1), nodes (2)." in found.contents
    assert not list(root.parent.glob("**/*.h5"))


def test_bad_subjects_are_named_and_the_others_shown(capsys: pytest.CaptureFixture[str], root: Path) -> None:
    spoil(root / "imagesTr" / "CHUM-001__PT.nii.gz", "mask")
    (root / "imagesTr" / "CHUM-002__PT.nii.gz").unlink()
    (root / "imagesTr" / "CHUM-003__PT.nii.gz").write_bytes((root / "imagesTr" / "CHUM-000__PT.nii.gz").read_bytes())
    (root / "imagesTr" / "CHUM-003__CT.nii.gz").write_bytes((root / "imagesTr" / "CHUM-000__CT.nii.gz").read_bytes())
    arguments = ["--root", str(root), "--set", "data.labels=tumour=1,nodes=2", "--set", "data.size=24"]
    answer = survembed(capsys, "data", "check", "volumes", *arguments)
    assert answer.code == 4
    assert "problem: CHUM-001: CHUM-001__PT.nii.gz, channel PT, holds only two values, such as a mask" in answer.out
    assert "problem: CHUM-002: no channel PT" in answer.out
    assert "warning: CHUM-003: the same images as CHUM-000" in answer.out
