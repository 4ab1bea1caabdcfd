"""Several runs on one cohort: averages, spread and refusals, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survembed.runs.run import Run, Runs
from survembed.runs.trained_model import TrainedModel
from tests.cli.command import survembed


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ensemble")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3))
    life = np.ceil(rng.exponential(np.exp(-x[:, 0])) * 300) + 1
    frame = pd.DataFrame(x, columns=["a", "b", "c"]).assign(time=life, event=(rng.random(120) < 0.7).astype(int))
    frame.insert(0, "id", [f"s{row}" for row in range(120)])
    frame.to_csv(folder / "study.csv", index=False)
    frame.iloc[:5].to_csv(folder / "new.csv", index=False)
    frame.iloc[:100].to_csv(folder / "other.csv", index=False)
    return folder


def train(study: Path, capsys: pytest.CaptureFixture[str], table: str, seed: int) -> Run:
    line = f"train deepsurv --data tabular --root {study / table} --updates 20 --head linear --seed {seed}"
    answer = survembed(capsys, *line.split(), "--runs-dir", str(study / "runs"))
    assert answer.code == 0, answer.err
    return Runs(study / "runs").find()


def test_predict_averages_runs_and_shows_their_spread(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [train(study, capsys, "study.csv", seed) for seed in (0, 1)]
    out = ["--table", str(study / "new.csv"), "--out", str(study / "out"), "--json"]
    each = [f"--run={run.path}" for run in runs]
    alone = survembed(capsys, "predict", *out, each[0])
    assert alone.code == 0, alone.err
    one = json.loads(alone.out)
    assert one["interval"].startswith("95 % interval: variance of baseline and weights")
    for subject in one["subjects"]:
        assert (np.array(subject["survival_low"]) <= subject["survival"]).all()
        assert (np.array(subject["survival_high"]) >= subject["survival"]).all()
        bound = subject["survival_bound"]
        assert bound["coverage"] == 0.9
        assert 0 <= bound["time"] <= one["times"][-1]
    both = survembed(capsys, "predict", *out, *each)
    assert both.code == 0, both.err
    averaged = json.loads(both.out)
    assert averaged["interval"].startswith("range over 2 runs")
    times = np.array(averaged["times"])
    curves = []
    for run in runs:
        trained = TrainedModel.open(run)
        rows = [trained.latents.position(f"s{row}") for row in range(5)]
        curves.append(trained.survival(trained.latents.z[rows].astype(np.float64), times))
    shown = [
        [subject[name] for subject in averaged["subjects"]] for name in ("survival", "survival_low", "survival_high")
    ]
    np.testing.assert_allclose(shown[0], np.mean(curves, axis=0), atol=1e-6)
    np.testing.assert_allclose(shown[1], np.min(curves, axis=0), atol=1e-6)
    np.testing.assert_allclose(shown[2], np.max(curves, axis=0), atol=1e-6)
    assert [member["run"] for member in averaged["subjects"][0]["runs"]] == [run.id for run in runs]
    assert "survival_bound" not in averaged["subjects"][0]
    text = survembed(capsys, "predict", *out[:-1], *each, "--id", "x")
    assert text.code == 0, text.err
    twice = survembed(capsys, "predict", *out, each[0], each[0])
    assert (twice.code, "given twice" in twice.err) == (2, True)
    other = train(study, capsys, "other.csv", 0)
    mixed = survembed(capsys, "predict", *out, each[0], f"--run={other.path}")
    assert (mixed.code, "different cohorts" in mixed.err) == (2, True)


def test_a_bound_that_the_held_out_subjects_cannot_support_says_so(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(study, capsys, "study.csv", 2)
    runs = ["--runs-dir", str(study / "runs"), "--table", str(study / "new.csv"), "--out", str(study / "few")]
    answer = survembed(capsys, "predict", *runs, "--coverage", "0.99", "--json")
    assert answer.code == 0, answer.err
    bound = json.loads(answer.out)["subjects"][0]["survival_bound"]
    assert bound["time"] is None
    assert "too few for 99%" in bound["reason"]
