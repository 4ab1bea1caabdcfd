"""Sixteen real runs whose workers are killed twice while they train."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from survembed.runs.jobs.job import SweepFolder
from survembed.runs.jobs.options import SweepOptions
from survembed.storage.files import read_json
from survembed.workflows.sweep import Where, sweep
from tests.conftest import ROOT
from tests.trained import config


@pytest.mark.slow
def test_sixteen_runs_with_a_worker_killed_twice(
    tmp_path: Path, plugin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(plugin_folder), str(ROOT)]))
    folder, killed = SweepFolder(tmp_path / "sweep"), []

    def kill_two() -> None:
        """Kill the worker of a job that is training, at two moments."""
        deadline = time.monotonic() + 300
        while len(killed) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
            finished = len(list(folder.runs.glob("*")))
            training = [
                path for path in folder.path.glob("cells/*/work/*/run.json") if path.parents[2].name not in killed
            ]
            if training and finished >= 3 * len(killed) + 1:
                job = training[0].parents[2]
                os.kill(int(read_json(job / "lock")["process"]), signal.SIGKILL)
                killed.append(job.name)

    killer = threading.Thread(target=kill_two)
    killer.start()
    axes = SweepOptions(folds=2, seeds=tuple(range(8)))
    done = sweep([config(train={"updates": 60})], axes, folder.path, Where(workers=2, threads=1))
    killer.join()
    assert len(killed) == 2
    assert list(done.states().values()) == ["finished"] * 16, done.failures()
    created = [run.record["created"] for run in done.runs().values()]
    assert len(created) == 16
    assert not list(folder.path.glob("cells/*/work"))
    assert not list(folder.path.glob("cells/*/lock"))
    again = sweep([config(train={"updates": 60})], axes, folder.path)
    assert [run.record["created"] for run in again.runs().values()] == created
