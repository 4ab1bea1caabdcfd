"""A real Dask scheduler and two workers on loopback, one of which is killed while it trains."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from survembed.errors import RunError
from survembed.runs.jobs.cluster import run_cluster
from survembed.runs.jobs.job import SweepFolder
from tests.conftest import ROOT

from .conftest import counted

pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")  # distributed's own, of its event loops

PRELOAD = (
    "from survembed.storage import locks\n"
    "from survembed.runs.jobs import process\n"
    "process.MODULE = 'tests.runs.jobs.fake_worker'\n"
    "locks.BEAT, locks.DEAD_AFTER, locks.SILENT_AFTER = 0.05, 0.3, 1.0\n"
)


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    settings = {
        "DASK_DISTRIBUTED__WORKER__DAEMON": "False",
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION": "1.0",
        "PYTHONPATH": str(ROOT),
    }
    with open(folder / f"{arguments[0]}-{time.monotonic_ns()}.log", "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments],
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, **settings},
        )


class Cluster(NamedTuple):
    """The scheduler's file, its process, and those of its workers."""

    file: Path
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler and two workers of one thread each, without a nanny that would start them again."""
    (tmp_path / "preload.py").write_text(PRELOAD)
    file = tmp_path / "scheduler.json"
    local = ("--no-dashboard",)
    with ExitStack() as stack:

        def begin(*arguments: str) -> subprocess.Popen[bytes]:
            process = start(tmp_path, *arguments, *local)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        scheduler = begin("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        options = ("--nthreads", "1", "--no-nanny", "--preload", str(tmp_path / "preload.py"))
        workers = [begin("worker", "--scheduler-file", str(file), "--host", "127.0.0.1", *options) for _ in range(2)]
        deadline = time.monotonic() + 60
        while not file.is_file() and time.monotonic() < deadline:
            time.sleep(0.05)
        yield Cluster(file, scheduler, workers)


def test_a_worker_killed_in_the_middle_loses_nothing(
    sweep: Callable[[Sequence[str]], SweepFolder], cluster: Cluster
) -> None:
    keys = [*(f"slow{number}" for number in range(6)), *(f"ok{number}" for number in range(8)), "fail", "killed"]
    folder, (file, _, workers) = sweep(keys), cluster
    answers: list[dict[str, str]] = []

    def take(answer: dict[str, str]) -> None:
        answers.append(answer)
        if len(answers) == 3:
            workers[0].send_signal(signal.SIGKILL)

    left = keys
    while left:  # as the workflow does: whose worker was killed is locked until its silence is noticed
        run_cluster(folder, left, str(file), 1, take)
        left = [key for key in left if folder.state(key) in ("waiting", "running")]
    states = {answer["key"]: answer["state"] for answer in answers}
    wanted = {**dict.fromkeys(keys, "finished"), "fail": "failed", "killed": "failed"}
    assert states == wanted
    assert counted(folder, "ended") == {key: 1 for key, state in wanted.items() if state == "finished"}
    assert "killed by SIGKILL" in folder.reason("killed")
    assert workers[0].wait() == -signal.SIGKILL


def test_no_job_fails_when_the_scheduler_ends(sweep: Callable[[Sequence[str]], SweepFolder], cluster: Cluster) -> None:
    keys = [f"slow{number}" for number in range(6)]
    folder = sweep(keys)
    with pytest.raises(RunError, match="scheduler has ended"):
        run_cluster(folder, keys, str(cluster.file), 1, lambda answer: cluster.scheduler.kill())
    assert {folder.reason(key) for key in keys} == {""}
    assert any(folder.run(key).is_dir() for key in keys)


def test_no_scheduler_is_an_error_with_a_remedy(
    sweep: Callable[[Sequence[str]], SweepFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("survembed.runs.jobs.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(RunError, match="no Dask scheduler answers"):
        run_cluster(sweep(["ok"]), ["ok"], "tcp://127.0.0.1:9", 1, lambda answer: None)
