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
from survembed.workflows.train import resume
from tests.trained import Made

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
