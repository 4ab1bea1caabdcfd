"""The pool of this machine: what is killed is tried again or recorded, and nothing is trained twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from survembed.runs.jobs.job import SweepFolder
from survembed.runs.jobs.local import run_local
from survembed.runs.jobs.process import WorkerProcess

from .conftest import counted

Make = Callable[[Sequence[str]], SweepFolder]


def answered(folder: SweepFolder, keys: Sequence[str], slots: int = 2) -> dict[str, str]:
    answers: list[dict[str, str]] = []
    run_local(folder, keys, [None] * slots, 1, answers.append)
    assert len(answers) == len({answer["key"] for answer in answers})
    return {answer["key"]: answer["state"] for answer in answers}


def test_every_job_is_trained_once_and_a_second_call_trains_none(sweep: Make) -> None:
    keys = [f"ok{number}" for number in range(9)]
    folder = sweep(keys)
    assert answered(folder, keys) == dict.fromkeys(keys, "finished")
    assert answered(folder, keys) == dict.fromkeys(keys, "finished")
    assert counted(folder, "started") == dict.fromkeys(keys, 1)


def test_a_failed_run_is_recorded_with_its_reason_and_the_rest_goes_on(sweep: Make) -> None:
    keys = ["ok1", "fail", "ok2"]
    folder = sweep(keys)
    assert answered(folder, keys, slots=1) == {"ok1": "finished", "fail": "failed", "ok2": "finished"}
    assert (folder.state("fail"), folder.reason("fail")) == ("failed", "training diverged")
    folder.forget_failure("fail")
    assert folder.state("fail") == "waiting"


def test_a_worker_killed_twice_costs_nothing_and_one_killed_always_is_named(sweep: Make) -> None:
    keys = ["ok1", "twice", "killed", *(f"ok{number}" for number in range(2, 15))]
    folder = sweep(keys)
    assert answered(folder, keys) == {**dict.fromkeys(keys, "finished"), "killed": "failed"}
    assert counted(folder, "ended") == dict.fromkeys(set(keys) - {"killed"}, 1)
    assert counted(folder, "started")["twice"] == 3
    assert folder.reason("killed") == "its worker was killed by SIGKILL, most likely for lack of memory, 3 times"


def test_two_sweeps_in_one_folder_never_train_a_job_twice(sweep: Make) -> None:
    keys = [f"ok{number}" for number in range(12)]
    folder = sweep(keys)
    threads = [threading.Thread(target=answered_loosely, args=(folder, order)) for order in (keys, keys[::-1], keys)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(folder.state(key) == "finished" for key in keys)
    assert counted(folder, "started") == dict.fromkeys(keys, 1)


def answered_loosely(folder: SweepFolder, keys: Sequence[str]) -> None:
    run_local(folder, keys, [None], 1, lambda answer: None)


def test_a_worker_ends_with_its_master(sweep: Make, tmp_path: Path) -> None:
    folder = sweep(["slow"])
    script = (
        "import sys, os\n"
        "from pathlib import Path\n"
        "from survembed.runs.jobs import process\n"
        "from survembed.runs.jobs.job import SweepFolder\n"
        "process.MODULE = 'tests.runs.jobs.fake_worker'\n"
        "worker = process.WorkerProcess(SweepFolder(Path(sys.argv[1])), 1, None)\n"
        "worker.assign('slow')\n"
        "print(worker.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder.path)], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while _runs(int(done.stdout)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(int(done.stdout))
    while folder.state("slow") == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert folder.state("slow") == "waiting"  # its lock is stale


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_closing_a_worker_frees_its_job_at_once(sweep: Make) -> None:
    folder = sweep(["slow"])
    worker = WorkerProcess(folder, 1, None)
    worker.assign("slow")
    deadline = time.monotonic() + 20
    while folder.state("slow") != "running" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert folder.state("slow") == "running"
    worker.close()
    assert folder.state("slow") == "waiting"
