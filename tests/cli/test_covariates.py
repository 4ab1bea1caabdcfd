"""A clinical + image model through the commands: what a person types and sees."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from survembed.runs.embedding import embed, encoder_of_run
from survembed.runs.run import Run, Runs
from survembed.runs.trained_model import TrainedModel
from survembed.survival.cox_newton import fit_cox
from tests.cli.command import survembed
from tests.clinical_runs import Trained

pytestmark = pytest.mark.usefixtures("clinical_plugin")


@pytest.fixture
def run(trained_with: Trained, tmp_path: Path) -> Run:
    original = trained_with()
    shutil.copytree(original.path, tmp_path / "runs" / original.id)
    copy = Run(tmp_path / "runs" / original.id)
    Runs(tmp_path / "runs").set_latest(copy)
    return copy


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    np.save(tmp_path / "new.npy", np.full((8, 8), 0.4))
    return tmp_path / "new.npy"


def asked(capsys: pytest.CaptureFixture[str], run: Run, *words: str) -> dict[str, Any]:
    answer = survembed(capsys, *words, "--runs-dir", str(run.path.parent), "--json")
    assert answer.code == 0, answer.err
    result: dict[str, Any] = json.loads(answer.out)
    return result


def test_predict_at_typed_covariates_and_at_the_reference(
    capsys: pytest.CaptureFixture[str], run: Run, picture: Path
) -> None:
    words = ["predict", "--image", str(picture), "--no-pages"]
    reference = asked(capsys, run, *words)
    typed = asked(capsys, run, *words, "--covariate", "age=80", "--covariate", "stage=III")
    gamma, encoder = run.record["covariates"]["fit"]["gamma"], encoder_of_run(run)
    assert encoder is not None
    column = encoder.columns[0]
    added = gamma["age"] * (80 - column.mean) / column.sd + gamma["stage=III"]  # type: ignore[union-attr]
    before, after = reference["subjects"][0], typed["subjects"][0]
    assert after["log_hazard"] - before["log_hazard"] == pytest.approx(added, abs=1e-5)
    assert before["covariates"].endswith("stage II (reference subject)")
    assert after["covariates"] == "age 80, stage III"
    assert sum(after["covariate_contributions"].values()) == pytest.approx(added, abs=1e-5)
    parts = sum(after["contributions"]) + sum(after["covariate_contributions"].values())
    assert parts == pytest.approx(np.log(after["hazard_ratio"]), abs=1e-4)
    ratio = np.log(after["survival"][50]) / np.log(before["survival"][50])
    assert ratio == pytest.approx(np.exp(added), rel=1e-4)
    assert typed["model"] == "coxvae, clinical + image (age, stage)"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("agee=3", "no covariate 'agee' in the model"),
        ("age=old", "covariate 'age' is a number, not 'old'"),
        ("stage=IV", "training never saw 'IV' in covariate 'stage'"),
    ],
)
@pytest.mark.parametrize("command", ["predict", "explain"])
def test_a_covariate_that_cannot_be_is_refused(
    capsys: pytest.CaptureFixture[str], run: Run, picture: Path, command: str, value: str, message: str
) -> None:
    words = ["--image", str(picture)] if command == "predict" else ["s0001"]
    answer = survembed(capsys, command, *words, "--covariate", value, "--runs-dir", str(run.path.parent))
    assert answer.code == 2
    assert f"error: {message}" in answer.err
    assert not list(run.path.glob("predictions/*"))
    assert not list(run.path.glob("explanations/*"))


def test_a_model_of_images_alone_takes_no_covariate(capsys: pytest.CaptureFixture[str], trained_on: Any) -> None:
    run = trained_on("surv-digits")
    answer = survembed(capsys, "explain", "digit-0000", "--covariate", "age=3", "--runs-dir", str(run.path.parent))
    assert answer.code == 2
    assert "is a model of the images alone" in answer.err
    assert "--covariates age" in answer.err


def test_explain_keeps_the_own_covariates_and_says_what_others_do(capsys: pytest.CaptureFixture[str], run: Run) -> None:
    own = asked(capsys, run, "explain", "s0001", "--steps", "3")
    moved = asked(capsys, run, "explain", "s0001", "--steps", "3", "--covariate", "age=90")
    assert own["covariates"].endswith("(the subject's own)")
    assert own["covariate_hazard_ratio"] == 1
    assert moved["covariates"].startswith("age 90, stage")
    assert moved["log_hazard_ratio"] == own["log_hazard_ratio"]
    encoder, latents = encoder_of_run(run), embed(run)
    assert encoder is not None
    assert latents.x is not None
    gamma = run.record["covariates"]["fit"]["gamma"]
    given = encoder.encode({**encoder.decode(latents.x[[1]]), "age": np.array([90.0])})
    expected = np.exp((given - latents.x[[1]]) @ np.array(list(gamma.values())))
    assert moved["covariate_hazard_ratio"] == pytest.approx(expected[0], rel=1e-5)


def test_traverse_says_at_which_covariates_it_is_drawn(capsys: pytest.CaptureFixture[str], run: Run) -> None:
    made = asked(capsys, run, "traverse", "--steps", "3")
    assert made["covariates"].endswith("(reference subject)")
    assert made["model"] == "coxvae, clinical + image (age, stage)"


def test_importance_has_adjusted_ratios_of_latents_and_covariates(capsys: pytest.CaptureFixture[str], run: Run) -> None:
    made = asked(capsys, run, "importance")
    latents = embed(run)
    part = latents.test
    theirs = fit_cox(latents.inputs[part], latents.duration[part], latents.event[part], ties="efron")  # lifelines' ties
    n_dims = latents.z.shape[1]
    names = [each["name"] for each in made["covariates"]]
    assert names == ["age", "age missing", "stage=III", "stage=I"]
    for number, each in enumerate(made["covariates"], n_dims):
        coefficient, error = theirs.coefficients[number], theirs.standard_errors[number]
        expected = np.exp(coefficient + np.array([0, -1.96, 1.96]) * error)
        np.testing.assert_allclose([each["test"][key] for key in ("value", "low", "high")], expected, rtol=1e-3)
    answer = survembed(capsys, "importance", "--runs-dir", str(run.path.parent))
    assert "stage=III" in answer.out
    assert (run.path / "importance" / "importance.png").stat().st_size > 5000


def test_evaluate_names_the_model_and_a_csv_of_predictions_has_its_hazard(
    capsys: pytest.CaptureFixture[str], run: Run, tmp_path: Path
) -> None:
    table = tmp_path / "predictions.csv"
    words = ["evaluate", "--downstream", "coxph", "--bootstrap", "10", "--predictions", str(table)]
    made = asked(capsys, run, *words)
    assert made["model"] == "coxvae, clinical + image (age, stage)"
    latents = embed(run)
    assert latents.log_hazard is not None
    with table.open() as file:
        risks = {row["id"]: float(row["risk"]) for row in csv.DictReader(file) if row["model"] == "base"}
    test = np.flatnonzero(latents.test)
    np.testing.assert_allclose([risks[latents.id[row]] for row in test], latents.log_hazard[test], rtol=1e-6)


def test_the_page_moves_hazard_and_survival_by_the_covariates(run: Run) -> None:
    from survembed.errors import UsageError
    from survembed.workflows.explore import Explorer

    explorer = Explorer(TrainedModel.open(run))
    assert [each["name"] for each in explorer.describe()["covariates"]] == ["age", "stage"]
    own = explorer.subject("s0003")
    given = explorer.covariates({"covariates": own["covariates"]})
    scene = explorer.scene(np.array(own["z"]), given).numbers
    latents = embed(run)
    assert latents.log_hazard is not None
    row = latents.position("s0003")
    assert scene["log_hazard"] == pytest.approx(latents.log_hazard[row], abs=1e-4)
    reference = explorer.scene(np.array(own["z"])).numbers
    assert scene["log_hazard"] - reference["log_hazard"] == pytest.approx(scene["covariate_log_hazard"], abs=1e-6)
    assert reference["covariate_log_hazard"] == 0
    for bad in ({"agee": 1}, {"age": "x"}, {"age": None}, [1], {"stage": True}):
        with pytest.raises(UsageError):
            explorer.covariates({"covariates": bad})


def test_help_says_what_covariates_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--covariates" in survembed(capsys, "train", "deepsurv", "--help").out
    for command in ("predict", "explain"):
        assert "--covariate " in survembed(capsys, command, "--help").out


def test_a_benchmark_shows_what_the_image_adds(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from survembed.workflows import sweep as sweeping
    from tests.trained import inline

    monkeypatch.setattr(sweeping, "run_local", inline)
    options = ["updates=40", "batch_size=64", "precision=float32", "rate=1e-2"]
    words = ["benchmark", "--data", "clinical", "--models", "deepsurv", "--folds", "2", "--device", "cpu"]
    words += ["--sweep-dir", str(tmp_path / "sweep"), "--downstream", "coxph", "--bootstrap", "50"]
    words += [word for option in options for word in ("--set", f"train.{option}")]
    words += ["--set", "model.width=4", "--set", "model.blocks=1", "--covariates", "age,stage", "--joint"]
    answer = survembed(capsys, *words, "--json")
    assert answer.code == 0, answer.err
    added = json.loads(answer.out)["added_value"]
    rows = {row["name"]: row for row in added["rows"]}
    joint, latents = "clinical + image, jointly trained", "clinical + image, latents added"
    assert list(rows) == ["clinical", "image", joint, latents]
    for name in (joint, latents):  # planted: image and covariates act together
        assert rows[name]["against_clinical"]["harrell_c"]["low"] > 0
    alone = rows["image"]["scores"]["harrell_c"]["value"], rows["clinical"]["scores"]["harrell_c"]["value"]
    assert rows[joint]["scores"]["harrell_c"]["value"] > max(alone)
    (test,) = added["tests"]
    assert test["p"] < 1e-6
    assert test["low"] > 1.5
    assert "stratum" in added["tested"]
    table = (tmp_path / "sweep" / "benchmark" / "table1.md").read_text()
    assert "Added value of the image to age, stage" in table
    assert "covariates + deepsurv, joint" in table


def test_joint_needs_names_and_refuses_the_outcome_before_training(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["benchmark", "--data", "clinical", "--models", "deepsurv", "--sweep-dir", str(tmp_path / "s"), "--joint"]
    assert survembed(capsys, *words).code == 2
    answer = survembed(capsys, *words, "--covariates", "vital_status")
    assert answer.code == 2
    assert "'vital_status' is the outcome" in answer.err
    assert not (tmp_path / "s").exists()
