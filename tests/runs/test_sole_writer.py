"""One process writes a run at a time, on one host or several."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pytest

from survembed.errors import RunError
from survembed.runs.run import LOCK, Run
from survembed.runs.sole_writer import sole_writer
from survembed.storage import locks
from survembed.training.checkpoint import Checkpoint, Progress
from survembed.workflows.train import resume, train
from tests.runs.interrupting import Interrupting
from tests.small import network
from tests.trained import Made, config

DEAD = 2**22 + 1
"""No process has this number."""


def lock_of(path: Path, host: str, silence: float = 0.0) -> None:
    (path / LOCK).write_text(json.dumps({"host": host, "process": DEAD, "token": "theirs"}))
    os.utime(path / LOCK, (time.time() - silence,) * 2)


def test_the_lock_lasts_as_long_as_the_block(a_run: Made) -> None:
    run = a_run()
    with sole_writer(run):
        assert json.loads((run.path / LOCK).read_text())["process"] == os.getpid()
        with pytest.raises(RunError, match="another process trains it"), sole_writer(run):
            pass
    assert not (run.path / LOCK).exists()


def test_a_run_that_is_alive_on_another_host_is_not_resumed(a_run: Made) -> None:
    run = a_run()
    run.update(status="running", process=DEAD)
    lock_of(run.path, "elsewhere")
    with pytest.raises(RunError, match="is running"):
        resume(Run(run.path))
    run.update(status="stopped")  # as read just before the other process resumed it
    before = (run.path / "run.json").read_text()
    with pytest.raises(RunError, match="another process trains it") as caught:
        resume(Run(run.path))
    assert f"process {DEAD} on elsewhere" in str(caught.value)
    assert (run.path / "run.json").read_text() == before


def test_a_run_whose_host_is_gone_is_resumed(a_run: Made) -> None:
    run = a_run()
    run.update(status="running", process=DEAD)
    lock_of(run.path, "elsewhere", silence=2 * locks.SILENT_AFTER)
    assert Run(run.path).status == "cut short"
    assert resume(Run(run.path)).status == "finished"
    assert not (run.path / LOCK).exists()


def test_the_lock_of_a_process_that_has_just_ended_here_is_free_soon(
    a_run: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run()
    monkeypatch.setattr(locks, "DEAD_AFTER", 0.3)
    lock_of(run.path, socket.gethostname())
    with sole_writer(run):
        assert json.loads((run.path / LOCK).read_text())["process"] == os.getpid()


def test_a_run_that_another_process_finished_meanwhile_is_not_trained_again(tmp_path: Path) -> None:
    """Two processes resume at once: the second gets the lock when the first has finished."""
    run = train(config(train={"updates": 20, "checkpoint": 1e-9}), runs_dir=tmp_path, reporter=Interrupting())
    late = Run(run.path)
    assert resume(Run(run.path)).record["outcome"]["end"] == "completed"
    content = {path: path.read_bytes() for path in run.path.iterdir()}
    with pytest.raises(RunError, match="is finished: there is nothing to resume"):
        resume(late)
    assert {path: path.read_bytes() for path in run.path.iterdir()} == content


def test_a_process_that_lost_its_lock_writes_no_more(a_run: Made) -> None:
    run = a_run()
    content = {path: path.read_bytes() for path in run.path.iterdir()}
    with sole_writer(run):
        lock_of(run.path, "elsewhere")
        for write in (
            lambda: run.update(status="failed"),
            lambda: run.append_metrics({"update": 1}),
            lambda: run.cut_metrics(0),
            lambda: run.save_weights(network("coxvae")),
            lambda: run.save_checkpoint(Checkpoint(Progress())),
            run.discard,
        ):
            with pytest.raises(RunError, match="has lost its lock"):
                write()
    assert run.path.joinpath(LOCK).exists()
    assert {path: path.read_bytes() for path in run.path.iterdir() if path.name != LOCK} == content
