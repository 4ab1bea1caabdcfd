"""Jobs of a sweep on a cluster, as tasks of a Dask scheduler (under Slurm, Kubernetes, LSF, …).

Dask only assigns the jobs. Each run is a process of its own, so that it can neither exhaust the memory of the Dask
worker nor block its interpreter. A scheduler unpickles what it receives: use TLS on a shared network.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from pathlib import Path

from survembed.errors import PluginError, RunError
from survembed.runs.jobs.job import SweepFolder
from survembed.runs.jobs.process import ATTEMPTS, Answer, WorkerProcess, record_killed

CONNECT_SECONDS = 30


def run_cluster(
    folder: SweepFolder,
    keys: Sequence[str],
    scheduler: str,
    threads: int,
    on_answer: Callable[[Answer], None],
) -> None:
    """Run jobs on the workers of a Dask scheduler. They need access to `folder` and an installation of survembed.

    Start one worker for each device, with `--nthreads 1`, and on a machine with several GPUs with a
    CUDA_VISIBLE_DEVICES of its own. A worker runs at most one job for each of its GPUs.

    Parameters
    ----------
    folder, keys, threads, on_answer
        As for `run_local`.
    scheduler
        Address such as `tcp://10.0.0.1:8786`, or the file that the scheduler wrote.

    Raises
    ------
    PluginError
        When `distributed` is not installed.
    RunError
        When there is no scheduler at that address, or it ends: no job counts as failed then.
    """
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise PluginError(
            "a cluster needs Dask", where=f"--scheduler {scheduler}", try_="pip install 'survembed[cluster]'"
        ) from error
    where = {"scheduler_file": scheduler} if Path(scheduler).is_file() else {"address": scheduler}
    try:
        client = Client(**where, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TimeoutError) as error:
        raise RunError(
            f"no Dask scheduler answers: {error}",
            where=f"--scheduler {scheduler}",
            expected="an address such as tcp://10.0.0.1:8786, or the scheduler's file",
            try_="dask scheduler --scheduler-file FILE",
        ) from error
    with client:
        tasks = {client.submit(run_job, str(folder.path), key, threads, pure=False): key for key in keys}
        for task in as_completed(tasks):
            try:
                answer = task.result()
            except CancelledError as error:
                raise RunError(
                    "the Dask scheduler has ended, or has dropped the sweep",
                    where=f"--scheduler {scheduler}",
                    expected="a scheduler that runs until the sweep is done",
                    try_="the same command again: finished runs stay",
                ) from error
            except Exception as error:  # KilledWorker, or an incomplete installation of the worker
                reason = f"{type(error).__name__}: {error}".splitlines()[0]
                folder.fail(tasks[task], reason, type(error).__name__)
                answer = {"key": tasks[task], "state": "failed", "reason": reason}
            on_answer(answer)


def run_job(path: str, key: str, threads: int) -> Answer:
    """Task of the cluster: train the run of a job in a process of its own, unless it is finished.

    It uses one of the worker's devices, and waits while all are in use.
    """
    folder = SweepFolder(Path(path))
    for _ in range(ATTEMPTS):
        if folder.state(key) == "finished":
            return {"key": key, "state": "finished", "reason": ""}
        devices = _devices()
        device = devices.get() if devices else None
        worker = WorkerProcess(folder, threads, device)
        try:
            worker.assign(key)
            answer = worker.answer()
            if answer is not None:
                return answer
        finally:
            worker.close()
            if devices:
                devices.put(device)
    return record_killed(folder, key, worker.end())


_state: dict[str, queue.Queue[str | None] | None] = {}


def _devices() -> queue.Queue[str | None] | None:
    """Free GPUs of this worker; None where it has none."""
    if "devices" not in _state:
        import torch

        free: queue.Queue[str | None] = queue.Queue()
        for number in range(torch.cuda.device_count()):
            free.put(f"cuda:{number}")
        _state.setdefault("devices", None if free.empty() else free)  # the first of several threads wins
    return _state["devices"]
