"""A run stands alone: its commands work where the images of its subjects are gone, and so is the cache."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from survembed.runs.run import Run, Runs
from tests.cli.command import Answer, survembed
from tests.trained import Made
from tests.workflows.test_predict import files_of

SUBJECT = "s05"


@pytest.fixture
def alone(trained_on: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A copy of a run on volumes; its study and the cache are gone, but for the files of one subject."""
    trained = trained_on("liver")
    root = Path(trained.read("config.json")["data"]["root"])
    (tmp_path / "new").mkdir()
    for name, path in files_of(trained, SUBJECT).items():
        shutil.copy(path, tmp_path / "new" / f"{name}.nii.gz")
    shutil.copytree(trained.path, tmp_path / "runs" / trained.id)
    run = Run(tmp_path / "runs" / trained.id)
    Runs(tmp_path / "runs").set_latest(run)
    away = root.with_name("away")
    root.rename(away)
    monkeypatch.setenv("SURVEMBED_CACHE", str(tmp_path / "empty"))
    yield run
    away.rename(root)


def test_commands_need_no_training_images(alone: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def say(*arguments: str) -> Answer:
        answer = survembed(capsys, *arguments, "--runs-dir", str(alone.path.parent))
        assert answer.code == 0, answer.err
        return answer

    new = [f"--ct={tmp_path}/new/ct.nii.gz", f"--mask={tmp_path}/new/mask.nii.gz"]
    table = say("predict", *new, f"--out={tmp_path}/one.csv").out
    assert "distance" in table
    say("traverse", "--risk", f"--out={tmp_path}/walk")
    say("evaluate", "--downstream", "coxph", "--bootstrap", "10")
    say("report", "--downstream", "coxph", "--bootstrap", "10", f"--out={tmp_path}/report.html")
    assert "28" in (tmp_path / "report.html").read_text()
    refused = survembed(capsys, "explain", SUBJECT, "--runs-dir", str(alone.path.parent))
    assert refused.code == 4


def test_the_same_prediction_with_and_without_the_cohort(
    alone: Run, trained_on: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = [f"--ct={tmp_path}/new/ct.nii.gz", f"--mask={tmp_path}/new/mask.nii.gz", "--no-pages", "--json"]
    answers = [
        survembed(capsys, "predict", *new, "--run", str(run.path), f"--out={tmp_path}/same")
        for run in (alone, trained_on("liver"))
    ]
    assert answers[0].out == answers[1].out
