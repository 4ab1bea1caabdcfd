"""The KiTS23 release, installed as a user installs it, on a piece of the real release."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from survembed.cohort.cohort import Cohort
from tests.cli.command import survembed
from tests.contract.own_tests import run_own_tests


@pytest.fixture
def installed(install: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = install("survembed-kits23")
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture(scope="module")
def release(test_data: Path) -> Path:
    return test_data / "kits23_release"


def test_volumes_are_those_published(
    installed: Path, release: Path, test_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cubes are the label maps that another program made of the same cases; durations and events are theirs."""
    line = ["data", "prepare", "kits23-release", "--root", str(release), "--set", "data.fov_mm=320", "--json"]
    answer = survembed(capsys, *line)
    assert answer.code == 0, answer.err
    assert "4 of 302 cases in kits23.json are downloaded" in answer.err
    with open(test_data / "kits23" / "clinical.csv", encoding="utf-8") as file:
        published = {row["case_id"]: row for row in csv.DictReader(file)}
    with Cohort(Path(json.loads(answer.out)["path"])) as cohort:
        subjects, images = cohort.subjects, cohort.images(range(4))
        rows = [published[subject] for subject in subjects.id.tolist()]
        assert subjects.duration.tolist() == [float(row["time_days"]) for row in rows]
        assert subjects.event.tolist() == [row["event"] == "1" for row in rows]
        assert subjects.covariates["age_at_nephrectomy"].tolist() == [float(row["age"]) for row in rows]
        expected = np.array([[float(row[name]) for name in ("kidney_ml", "tumor_ml", "cyst_ml")] for row in rows])
        expected[:, 0] += expected[:, 1:].sum(axis=1)  # their kidney is label 1 alone
        found = [subjects.measures[name] for name in ("organ_ml", "tumour_ml", "cyst_ml")]
        np.testing.assert_allclose(np.transpose(found), expected, atol=0.02)
        np.testing.assert_allclose(images.sum(axis=(2, 3, 4)) * cohort.voxel_ml, expected, atol=0.02)
        for subject, (kidney, tumour, _) in zip(subjects.id.tolist(), images, strict=True):
            theirs = np.asarray(nib.load(test_data / "kits23" / "labelsTr" / f"{subject}.nii.gz").dataobj)
            # They took the nearest voxel, we the share of each; case_00012's grid lies one voxel off.
            assert max(dice(kidney > 0.5, np.roll(theirs > 0, by, axis=2)) for by in (0, -1)) > 0.93
            assert max(dice(tumour > 0.5, np.roll(theirs == 2, by, axis=2)) for by in (0, -1)) > 0.93


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_it_is_shown_and_trains(
    installed: Path, release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--root", str(release), "--set", "data.fov_mm=320"]
    shown = survembed(capsys, "data", "show", "kits23-release", *data, "--json")
    assert shown.code == 0, shown.err
    cohort = json.loads(shown.out)
    assert (cohort["channels"], cohort["events"]) == (["kidney", "tumour", "cyst"], 1)
    assert any(column["column"] == "tumor_isup_grade" for column in cohort["columns"])
    small = "--updates 2 --width 4 --blocks 1 --latent-dim 2 --precision float32 --split-test 0 --json"
    line = ["train", "coxvae", "--data", "kits23-release", *data, "--runs-dir", str(tmp_path)]
    trained = survembed(capsys, *line, *small.split())
    assert trained.code == 0, trained.err
    assert json.loads(trained.out)["status"] == "finished"


def test_its_own_tests_pass(installed: Path) -> None:
    run_own_tests("survembed-kits23", installed)
