"""`survembed train` loses no update when killed, stopped by a signal, or started in several processes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from survembed.cli.main import main
from survembed.runs.run import Run, Runs
from tests.cli.command import Answer, survembed

OPTIONS = ["--data", "surv-digits", "--updates", "60", "--width", "4", "--patience", "0", "--precision", "float32"]
LINE = ["train", "coxvae", *OPTIONS, "--set", "train.checkpoint=0.05"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def begun(folder: Path, *more: str) -> subprocess.Popen[str]:
    """A training in a process of its own."""
    at = LINE.index("--updates")
    own = LINE[:at] + LINE[at + 2 :] if "--updates" in more else LINE
    line = [sys.executable, "-m", "survembed", *own, *more, "--runs-dir", str(folder)]
    return subprocess.Popen(line, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def the_run(folder: Path) -> Run:
    (run,) = Runs(folder).list()
    return run


def weights(folder: Path) -> bytes:
    return (the_run(folder).path / "model.safetensors").read_bytes()


def killed_at(folder: Path, moment: int) -> None:
    """Begin a training, or take it up, and kill it once `moment` updates are on disk, or it has ended."""
    process = begun(folder) if not list(folder.glob("*/run.json")) else resuming(folder)
    while process.poll() is None:
        if recorded(folder) >= moment:
            process.kill()
        time.sleep(0.002)
    process.communicate()


def resuming(folder: Path) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "survembed", "train", "--resume", the_run(folder).id, "--runs-dir", str(folder)]
    return subprocess.Popen(line, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def recorded(folder: Path) -> int:
    """Updates in `metrics.jsonl`; -1 before there is a run."""
    for path in folder.glob("*/run.json"):
        metrics = path.parent / "metrics.jsonl"
        whole = metrics.read_text().split("\n")[:-1] if metrics.is_file() else []
        return int(json.loads(whole[-1])["update"]) if whole else 0
    return -1


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.raises(SystemExit, match=r"^0$"):
        main([*LINE, "--runs-dir", str(folder)])
    assert not (the_run(folder).path / "state.safetensors").exists()
    return weights(folder)


def resumed_to_the_end(capsys: pytest.CaptureFixture[str], folder: Path) -> Answer:
    done = survembed(capsys, "train", "--resume", the_run(folder).id, "--runs-dir", str(folder))
    assert done.code == 0, done.err
    return done


def test_killed_twice_it_ends_as_if_undisturbed(
    undisturbed: bytes, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for moment in (0, 30):
        killed_at(tmp_path, moment)
        assert the_run(tmp_path).status == "cut short"
    answer = resumed_to_the_end(capsys, tmp_path)
    assert "resuming" in answer.err
    assert weights(tmp_path) == undisturbed
    assert the_run(tmp_path).status == "finished"
    rows = [json.loads(line) for line in (the_run(tmp_path).path / "metrics.jsonl").read_text().splitlines()]
    assert [row["update"] for row in rows] == list(range(10, 61, 10))


@pytest.mark.slow
def test_twenty_kills_at_random_moments(undisturbed: bytes, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Twenty trainings, each killed once at a random moment and resumed."""
    chance = random.Random(0)
    for number in range(20):
        folder = tmp_path / str(number)
        process = begun(folder)
        while recorded(folder) < 0 and process.poll() is None:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 1.5))
        process.kill()
        process.communicate()
        if the_run(folder).status != "finished":
            assert the_run(folder).status == "cut short"
            resumed_to_the_end(capsys, folder)
        assert weights(folder) == undisturbed, number


def test_sigterm_leaves_a_run_to_be_resumed(
    undisturbed: bytes, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    process = begun(tmp_path)
    while recorded(tmp_path) < 10:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, words = process.communicate(timeout=100)
    assert process.returncode == 130
    run = the_run(tmp_path)
    assert f"to continue: survembed train --resume {run.id}" in words
    assert run.status == "stopped"
    assert not (tmp_path / "latest.json").exists()
    resumed_to_the_end(capsys, tmp_path)
    assert weights(tmp_path) == undisturbed


def test_sigterm_to_two_processes_leaves_a_run_to_be_resumed(tmp_path: Path) -> None:
    process = begun(tmp_path, "--nproc", "2", "--updates", "100000", "--set", "train.validate_every=10")
    while recorded(tmp_path) < 10:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, messages = process.communicate(timeout=100)
    assert process.returncode == 130, messages
    assert "bug" not in messages
    assert "Traceback" not in messages
    run = the_run(tmp_path)
    assert messages.count(f"to continue: survembed train --resume {run.id}") == 1
    assert run.status == "stopped"


@pytest.mark.slow
def test_torchrun_starts_a_killed_process_again(tmp_path: Path) -> None:
    """Two processes, one killed in the middle: torchrun restarts both, and the weights are those of a lucky pair."""
    expected = begun(tmp_path / "expected", "--nproc", "2")
    _, words = expected.communicate(timeout=300)
    assert expected.returncode == 0, words
    disturbed = begun(tmp_path / "disturbed", "--nproc", "2")
    while recorded(tmp_path / "disturbed") < 40:
        assert disturbed.poll() is None
        time.sleep(0.01)
    os.kill(int(the_run(tmp_path / "disturbed").record["process"]), signal.SIGKILL)
    _, words = disturbed.communicate(timeout=300)
    assert disturbed.returncode == 0, words
    assert "resuming" in words
    assert weights(tmp_path / "disturbed") == weights(tmp_path / "expected")
    assert the_run(tmp_path / "disturbed").record["processes"] == 2


def test_what_cannot_be_resumed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    answer = survembed(capsys, "train", "--resume", "nothing", "--runs-dir", str(tmp_path))
    assert (answer.code, "no run 'nothing'" in answer.err) == (5, True)
    small = ["--data", "surv-digits", "--updates", "2", "--width", "4", "--runs-dir", str(tmp_path)]
    assert survembed(capsys, "train", "coxvae", *small).code == 0
    answer = survembed(capsys, "train", "--resume", the_run(tmp_path).id, "--runs-dir", str(tmp_path))
    assert (answer.code, "is finished: there is nothing to resume" in answer.err) == (5, True)


@pytest.mark.parametrize(
    "line", [["--resume", "a", "coxvae"], ["--nproc", "2"], ["--nproc", "2", "coxvae", "--data", "surv-digits"]]
)
def test_flags_in_the_wrong_place(capsys: pytest.CaptureFixture[str], line: list[str]) -> None:
    answer = survembed(capsys, "train", *line)
    assert answer.code == 2
    assert answer.err.startswith(f"error: {line[0]}")
