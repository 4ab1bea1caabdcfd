"""Jobs of a sweep on this machine: one run for each core, or for each GPU."""

from __future__ import annotations

import selectors
from collections import Counter, deque
from collections.abc import Callable, Sequence

from survembed.runs.jobs.job import SweepFolder
from survembed.runs.jobs.process import ATTEMPTS, Answer, WorkerProcess, record_killed


def run_local(
    folder: SweepFolder,
    keys: Sequence[str],
    slots: Sequence[str | None],
    threads: int,
    on_answer: Callable[[Answer], None],
) -> None:
    """Run jobs, as many at once as there are slots.

    Parameters
    ----------
    folder, keys
        The sweep, and the jobs to run.
    slots
        A device for each concurrent run; None keeps the device of the configuration.
    threads
        CPU threads of each run.
    on_answer
        Called with `key`, `state` and `reason` of each job when it ends. A job whose worker is killed goes to another
        worker, up to `ATTEMPTS` workers in all.
    """
    waiting, attempts = deque(keys), Counter[str]()
    workers: dict[WorkerProcess, str | None] = {}

    with selectors.DefaultSelector() as selector:

        def start(device: str | None) -> None:
            worker = WorkerProcess(folder, threads, device)
            workers[worker] = device
            selector.register(worker.answers, selectors.EVENT_READ, worker)
            assign(worker)

        def assign(worker: WorkerProcess) -> None:
            key = waiting.popleft()
            attempts[key] += 1
            worker.assign(key)

        def stop(worker: WorkerProcess) -> None:
            selector.unregister(worker.answers)
            del workers[worker]
            worker.close()

        try:
            for device in slots[: len(keys)]:
                start(device)
            while workers:
                for ready, _ in selector.select():
                    worker: WorkerProcess = ready.data
                    answer, device = worker.answer(), workers[worker]
                    if answer is None:
                        stop(worker)
                        if attempts[worker.key] < ATTEMPTS:
                            waiting.appendleft(worker.key)
                        else:
                            on_answer(record_killed(folder, worker.key, worker.end()))
                        if waiting:
                            start(device)
                        continue
                    on_answer(answer)
                    if waiting:
                        assign(worker)
                    else:
                        stop(worker)
        finally:
            for worker in list(workers):
                worker.close()
