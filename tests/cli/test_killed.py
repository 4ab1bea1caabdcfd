"""Sixty kills at random moments of five commands: each, given again, ends as if undisturbed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from survembed.runs.latents import Latents
from survembed.runs.run import Run, Runs

DATA = ["--data", "surv-digits"]
SMALL = [*DATA, "--updates", "120", "--width", "4", "--patience", "0", "--precision", "float32"]
TRAIN = ["train", "coxvae", *SMALL, "--set", "train.checkpoint=0.05", "--runs-dir", "runs"]
SWEPT = ["--set", "train.updates=40", "--set", "model.width=4", "--folds", "2", "--seeds", "0,1", "--workers", "2"]
SWEEP = ["sweep", *DATA, *SWEPT, "--device", "cpu", "--sweep-dir", "sweep"]
KILLS = 12
"""Of each command."""


def begin(folder: Path, line: list[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "SURVEMBED_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "survembed", *line]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def complete(folder: Path, line: list[str]) -> float:
    """Run a command to its end; gives the seconds that it took."""
    start = time.monotonic()
    process = begin(folder, line)
    _, messages = process.communicate(timeout=500)
    assert process.returncode == 0, messages
    return time.monotonic() - start


def train(folder: Path) -> list[str]:
    """Begin a training, or take it up."""
    runs = Runs(folder / "runs").list()
    return ["train", "--resume", runs[-1].id, "--runs-dir", "runs"] if runs else TRAIN


def the_run(folder: Path) -> Run:
    (run,) = Runs(folder / "runs").list()
    assert run.status == "finished"
    return run


def weights_and_rows(folder: Path) -> Any:
    run = the_run(folder)
    rows = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    return (run.path / "model.safetensors").read_bytes(), [{**row, "seconds": 0} for row in rows]


def cohorts(folder: Path) -> Any:
    return {path.name: path.read_bytes() for path in (folder / "cache" / "cohorts").iterdir() if path.suffix == ".json"}


def latents(folder: Path) -> Any:
    return Latents.load(the_run(folder).path / "latents.h5").z.tolist()


def scores(folder: Path) -> Any:
    found = json.loads((the_run(folder).path / "metrics.json").read_text())
    return {name: value for name, value in found.items() if name != "run"}  # its id, which contains the time


def swept(folder: Path) -> Any:
    runs = Runs(folder / "sweep" / "runs").list()
    assert len(runs) == 4
    return {run.id: (run.path / "model.safetensors").read_bytes() for run in runs}


COMMANDS: dict[str, tuple[list[Callable[[Path], list[str]]], Callable[[Path], Any]]] = {
    "data prepare": ([lambda _: ["data", "prepare", "surv-digits"]], cohorts),
    "train": ([train], weights_and_rows),
    "embed": ([train, lambda _: ["embed", "--runs-dir", "runs"]], latents),
    "evaluate": ([train, lambda _: ["evaluate", "--downstream", "coxph", "--runs-dir", "runs"]], scores),
    "sweep": ([lambda _: SWEEP], swept),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_twelve_kills_at_random_moments_lose_nothing(name: str, tmp_path: Path) -> None:
    """The last command is killed again and again, then left to end."""
    commands, result = COMMANDS[name]
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    for folder in (undisturbed, killed):
        folder.mkdir()
        for line in commands[:-1]:
            complete(folder, line(folder))
    duration = complete(undisturbed, commands[-1](undisturbed))
    chance, survived = random.Random(name), 0
    for _ in range(KILLS):
        if name == "train" and any(run.status == "finished" for run in Runs(killed / "runs").list()):
            break
        process = begin(killed, commands[-1](killed))
        time.sleep(chance.uniform(0, duration))
        survived += process.poll() is not None
        process.kill()
        process.communicate()
    if not (name == "train" and any(run.status == "finished" for run in Runs(killed / "runs").list())):
        complete(killed, commands[-1](killed))
    np.testing.assert_equal(result(killed), result(undisturbed))
    assert survived < KILLS
