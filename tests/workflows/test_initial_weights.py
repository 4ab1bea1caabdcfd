"""`--init RUN`: the trunk of another run, recorded with its hash, and refused where it would be wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from survembed.errors import RunError
from survembed.progress import Reporter
from survembed.report.archive import _without_paths
from survembed.report.run_facts import _training
from survembed.runs.configuration import TrainConfig
from survembed.runs.run import Run
from survembed.storage.tensors import read_tensors
from survembed.workflows.train import train
from tests.trained import config

STEPS = {"updates": 2, "validate_every": 1}


class Saying(Reporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.lines.append(f"warning: {text}")


def started_from(run: Run, made: TrainConfig) -> TrainConfig:
    return replace(made, train=made.train.model_copy(update={"init": str(run.path)}))


@pytest.fixture
def vae(plugin: None, tmp_path: Path) -> Run:
    return train(config("volume", "vae", train=STEPS, data={"seed": 3}), runs_dir=tmp_path / "runs")


def test_what_is_taken_is_said_and_recorded(vae: Run, tmp_path: Path) -> None:
    made, heard = config("volume", train={**STEPS, "rate": 1e-9}), Saying()
    run = train(started_from(vae, made), runs_dir=tmp_path / "runs", reporter=heard)
    first = next(line for line in heard.lines if "starts from run" in line)
    assert f"run {vae.id}, a vae: layers taken: encoder " in first
    assert "not taken" not in first
    assert not any("warning: run" in line for line in heard.lines)
    record = run.record["init"]
    assert (record["run"], record["model"], record["weights"]) == (vae.id, "vae", vae.weights_hash())
    weights, began = (read_tensors(each.path / "model.safetensors")[0] for each in (run, vae))
    torch.testing.assert_close(weights["encoder.layers.0.weight"], began["encoder.layers.0.weight"], atol=1e-6, rtol=0)
    assert run.read("config.json")["train"]["init"] == str(vae.path)
    assert f"began as those of run {vae.id} (vae on planted, sha256 {vae.weights_hash()[:16]})" in _training(run)
    assert _without_paths(run.read("config.json"))["train"]["init"] == vae.id  # archives name no folder
    without = train(made, runs_dir=tmp_path / "runs")
    assert "init" not in without.record


def test_images_of_test_subjects_are_warned_of_and_their_outcomes_refused(vae: Run, tmp_path: Path) -> None:
    runs_dir, heard = tmp_path / "runs", Saying()
    other_split = config("volume", train=STEPS, data={"seed": 3}, split={"seed": 9})
    cox = train(started_from(vae, other_split), runs_dir=runs_dir, reporter=heard)
    assert any("has seen the images, not the outcomes, of" in line for line in heard.lines)
    same_split = config("volume", train=STEPS, data={"seed": 3}, split={"seed": 9})
    train(started_from(cox, same_split), runs_dir=runs_dir)
    with pytest.raises(RunError, match="has learnt the outcomes of"):
        train(started_from(cox, config("volume", train=STEPS, data={"seed": 3})), runs_dir=runs_dir)


def test_nothing_that_fits_is_refused_with_the_options_that_would(vae: Run, tmp_path: Path) -> None:
    runs_dir = tmp_path / "runs"
    with pytest.raises(RunError, match="no layer of the encoder") as refused:
        train(started_from(vae, config("volume", train=STEPS, width=8)), runs_dir=runs_dir)
    assert refused.value.try_ == "--set model.width=4"
    with pytest.raises(RunError, match="no layer of the encoder"):
        train(started_from(vae, config("image", train=STEPS)), runs_dir=runs_dir)
    assert len(list(runs_dir.glob("*/run.json"))) == 1
    made = config("volume", train={**STEPS, "init": vae.id[:-1] + "x"})
    with pytest.raises(RunError, match="no run") as missing:
        train(made, runs_dir=runs_dir)
    assert missing.value.where == f"train.init = {vae.id[:-1]}x"
    assert missing.value.try_ == f"--init {vae.id}"
