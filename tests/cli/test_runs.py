"""`survembed runs`: list with selection and order, compare, delete."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from sksurv.metrics import concordance_index_censored

from survembed.downstream import CoxPH
from survembed.evaluation.predictions import read_predictions
from survembed.runs.run import PREDICTIONS, SCORES, Run, Runs
from survembed.runs.sole_writer import sole_writer
from survembed.runs.trained_model import TrainedModel
from survembed.storage.hdf5 import seal_hdf5
from survembed.workflows.compare import compare
from survembed.workflows.evaluate import evaluate
from tests.cli.command import survembed
from tests.trained import Made

pytestmark = pytest.mark.usefixtures("plugin")
COXPH = [("coxph", CoxPH())]


@pytest.fixture
def three(a_run: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """A CoxVAE, a VAE and another CoxVAE on the same subjects, the latest one; in the working directory."""
    monkeypatch.chdir(tmp_path)
    return [a_run("image", "coxvae"), a_run("image", "vae"), a_run("image", "coxvae", "deepsurv")]


def rows(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    answer = survembed(capsys, "runs", "list", *options, "--json")
    assert answer.code == 0, answer.err
    found: list[dict[str, Any]] = json.loads(answer.out)
    return found


def test_list_shows_options_and_the_stored_scores(three: list[Run], capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["harrell_c"] for row in rows(capsys)] == [None] * 3
    scored = evaluate(three[0], COXPH, n_resamples=0).rows[0].scores
    of_vae = evaluate(three[1], COXPH, n_resamples=0).rows[0].scores
    by_id = {row["id"]: row for row in rows(capsys)}
    first, vae, last = (by_id[run.id] for run in three)
    assert (first["tau"], first["seed"], first["dataset"], first["scored"]) == (0.2, 0, "planted", "base")
    assert (first["harrell_c"], first["ibs"]) == (scored["harrell_c"].value, scored["ibs"].value)
    assert (vae["tau"], vae["scored"], vae["harrell_c"]) == (None, "coxph", of_vae["harrell_c"].value)
    assert (last["scored"], last["harrell_c"], last["ibs"]) == (None, None, None)
    text = survembed(capsys, "runs", "list").out
    assert "harrell c" in text
    assert f"{scored['ibs'].value:.4g}" in text


def test_scores_of_earlier_weights_are_not_shown(three: list[Run], capsys: pytest.CaptureFixture[str]) -> None:
    run = three[0]
    evaluate(run, COXPH, n_resamples=0)
    assert (run.path / PREDICTIONS).is_file()
    run.save_weights(TrainedModel.open(run).model)
    assert rows(capsys)[0]["harrell_c"] is None
    assert not (run.path / SCORES).exists()
    assert not (run.path / PREDICTIONS).exists()


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (["model=coxvae"], [0, 2]),
        (["model=vae"], [1]),
        (["head.name=linear"], [0]),
        (["model=coxvae", "head.name=deepsurv"], [2]),
        (["train.updates=30.0"], [0, 1, 2]),
        (["tau="], [1]),
        (["tau=0.3"], []),
        (["status=finished", "seed=0", "dataset=planted"], [0, 1, 2]),
    ],
)
def test_where(
    conditions: list[str], expected: list[int], three: list[Run], capsys: pytest.CaptureFixture[str]
) -> None:
    options = [part for each in conditions for part in ("--where", each)]
    assert {row["id"] for row in rows(capsys, *options)} == {three[number].id for number in expected}


def test_sort(three: list[Run], capsys: pytest.CaptureFixture[str]) -> None:
    """By any column, in both orders; runs without a value come last."""
    by = {name: [row["id"] for row in rows(capsys, "--sort", name)] for name in ("id", "best_objective", "tau")}
    assert by["id"] == sorted(run.id for run in three)
    objective = {run.id: run.record["outcome"]["best_objective"] for run in three}
    assert [objective[each] for each in by["best_objective"]] == sorted(objective.values())
    assert by["tau"][-1] == three[1].id
    assert rows(capsys, "--sort", "tau", "--reverse")[-1]["id"] == three[1].id
    assert [row["id"] for row in rows(capsys, "--sort", "id", "--reverse")] == by["id"][::-1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--where", "modle=vae"], "try:      survembed runs list --where model=vae"),
        (["--where", "model"], "'model' has no value"),
        (["--sort", "harrel_c"], "try:      survembed runs list --sort harrell_c"),
        (["--where", "train.update=3"], "no column 'train.update'"),
    ],
)
def test_unknown_columns(options: list[str], said: str, three: list[Run], capsys: pytest.CaptureFixture[str]) -> None:
    answer = survembed(capsys, "runs", "list", *options)
    assert answer.code == 2
    assert said in answer.err


def test_an_empty_folder_has_no_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rows(capsys, "--runs-dir", str(tmp_path), "--sort", "tau", "--where", "model=vae") == []


def test_compare(three: list[Run], capsys: pytest.CaptureFixture[str]) -> None:
    """Differing options, and scores that are those of `evaluate` and of scikit-survival, and their difference."""
    first, _, last = three
    stored = [evaluate(run, COXPH, n_resamples=100).rows for run in (first, last)]
    answer = survembed(capsys, "runs", "compare", first.id, last.id, "--bootstrap", "100", "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert found["options"]["head.name"] == ["linear", "deepsurv"]
    assert "train.updates" not in found["options"]
    scores = {(each["row"], each["column"]): each for each in found["scores"]}
    for run, evaluated in zip((first, last), stored, strict=True):
        for row in evaluated:
            assert scores[run.id, row.column]["scores"]["ibs"] == row.scores["ibs"].to_dict()
        cohort, predictions = read_predictions(run.path / PREDICTIONS)
        base = next(each for each in predictions if each.model == "base")
        duration, event = cohort.part(base.division.test)
        expected = concordance_index_censored(event, duration, base.risk)[0]
        assert scores[run.id, "base"]["scores"]["harrell_c"]["value"] == pytest.approx(expected)
    assert scores[first.id, "base"]["differences"] == {}
    difference = scores[last.id, "base"]["differences"]["harrell_c"]
    values = [scores[run.id, "base"]["scores"]["harrell_c"]["value"] for run in (first, last)]
    assert difference["value"] == pytest.approx(values[1] - values[0])
    text = survembed(capsys, "runs", "compare", first.id, last.id).out
    assert "head.name" in text
    assert "IBS − that of A" in text


def test_the_difference_is_paired(three: list[Run], tmp_path: Path) -> None:
    """The same predictions differ by exactly 0 in every resample, however wide the intervals of the scores are."""
    evaluate(three[0], COXPH, n_resamples=0)
    shutil.copytree(three[0].path, tmp_path / "runs" / "copy")
    found = compare([three[0], Run(tmp_path / "runs" / "copy")], n_resamples=50)
    assert not found.options
    again = [each for each in found.scores if each.row == "copy"]
    assert [each.column for each in again] == ["base", "coxph"]
    for each in again:
        assert each.scores["harrell_c"].high > each.scores["harrell_c"].low
        for difference in each.differences.values():
            assert (difference.value, difference.low, difference.high) == (0, 0, 0)


def test_other_test_subjects_are_not_paired(three: list[Run], tmp_path: Path) -> None:
    for run in (three[0], three[2]):
        evaluate(run, COXPH, n_resamples=0)
    with h5py.File(three[2].path / PREDICTIONS, "r+") as file:
        for group in file["predictions"].values():
            development, test = group["development"][:], group["test"][:]
            group["test"][...] = np.sort(np.append(test[1:], development[0]))
            group["development"][...] = np.sort(np.append(development[1:], test[0]))
        seal_hdf5(file)
    found = compare([three[0], three[2]], n_resamples=0)
    assert all(not each.differences for each in found.scores)
    assert any("other subjects" in note for note in found.notes)


def test_compare_without_predictions_names_the_command(three: list[Run], capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(three[1], COXPH, n_resamples=0)
    answer = survembed(capsys, "runs", "compare", three[0].id, three[1].id)
    assert answer.code == 0
    assert f"survembed evaluate --run {three[0].id}" in answer.err
    assert "survembed traverse --risk" in answer.err
    assert "coxph" in answer.out


def test_traversals_side_by_side(three: list[Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from matplotlib.image import imread

    names = [three[0].id, three[2].id]
    refused = survembed(capsys, "runs", "compare", *names, "--out", "both")
    assert (refused.code, f"survembed traverse --risk --run {names[0]}" in refused.err) == (2, True)
    for name in names:
        assert survembed(capsys, "traverse", "--run", name, "--dim", "0", "--risk", "--steps", "2").code == 0
    answer = survembed(capsys, "runs", "compare", *names, "--out", str(tmp_path / "both"), "--json")
    found = json.loads(answer.out)
    assert [row["name"] for row in found["traversals"]] == ["risk", "risk"]
    assert [Path(path).name for path in found["files"]] == ["both.png", "both.pdf"]
    height, width = imread(tmp_path / "both.png").shape[:2]
    single = imread(found["pictures"][0]).shape[:2]
    assert width / height > 1.5 * single[1] / single[0]
    assert "claimed hazard" in survembed(capsys, "runs", "compare", *names).out


@pytest.mark.parametrize("names", [[0], [0, 0]])
def test_one_run_is_no_comparison(names: list[int], three: list[Run], capsys: pytest.CaptureFixture[str]) -> None:
    answer = survembed(capsys, "runs", "compare", *(three[number].id for number in names))
    assert answer.code == 2
    assert "not two different runs" in answer.err


def test_delete_keeps_the_latest(three: list[Run], capsys: pytest.CaptureFixture[str]) -> None:
    answer = survembed(capsys, "runs", "delete", "--where", "model=coxvae", "--yes")
    assert answer.code == 0
    assert answer.out == f"deleted {three[0].id}\n"
    assert f"kept {three[2].id}: it is the latest run" in answer.err
    assert [run.path.exists() for run in three] == [False, True, True]
    prefix = survembed(capsys, "runs", "delete", three[2].id[:-2], "--yes")
    assert (prefix.code, three[2].path.exists()) == (5, True)


def test_the_latest_is_deleted_by_its_whole_id(three: list[Run], capsys: pytest.CaptureFixture[str]) -> None:
    """The newest of the others becomes the latest one, also in the file."""
    assert survembed(capsys, "runs", "delete", three[2].id, "--yes", "--json").code == 0
    newest = max(three[:2], key=lambda run: (run.record["created"], run.id))
    assert Runs(Path("runs")).find().id == newest.id
    assert json.loads(Path("runs/latest.json").read_text())["run"] == newest.id
    assert survembed(capsys, "runs", "delete", three[0].id, three[1].id, "--yes").code == 0
    assert not Path("runs/latest.json").exists()


def test_a_run_that_is_trained_is_kept(three: list[Run], capsys: pytest.CaptureFixture[str]) -> None:
    run = three[0]
    run.update(status="running", process=os.getpid())
    with sole_writer(run):
        answer = survembed(capsys, "runs", "delete", run.id, "--yes")
        assert (answer.code, "is being trained" in answer.err) == (5, True)
        assert survembed(capsys, "runs", "delete", "--where", "dataset=planted", "--yes").code == 0
    assert [each.path.exists() for each in three] == [True, False, True]


def test_delete_asks(three: list[Run], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for typed, left in (("n\n", True), ("y\n", False)):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", Typed(typed))
            answer = survembed(capsys, "runs", "delete", three[0].id)
        assert three[0].id in answer.err
        assert three[0].path.exists() is left


def test_without_a_terminal_nothing_is_deleted(three: list[Run], capsys: pytest.CaptureFixture[str]) -> None:
    answer = survembed(capsys, "runs", "delete", three[0].id)
    assert (answer.code, three[0].path.exists()) == (2, True)
    assert f"try:      survembed runs delete {three[0].id} --yes" in answer.err
    assert survembed(capsys, "runs", "delete").code == 2


class Typed:
    """A terminal at which somebody types one line."""

    def __init__(self, line: str) -> None:
        self.line = line

    def isatty(self) -> bool:
        return True

    def readline(self, *_: object) -> str:
        line, self.line = self.line, ""
        return line
