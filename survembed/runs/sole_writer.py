"""The lock of a run: one process writes a run at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from survembed.progress import QUIET, Reporter
from survembed.runs.run import LOCK, Run
from survembed.storage import locks


@contextmanager
def sole_writer(run: Run, reporter: Reporter = QUIET, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a run, with a heartbeat, for the length of the block.

    Parameters
    ----------
    wait
        Whether to wait for the lock of an owner that may be alive, until its heartbeat is too old.

    Raises
    ------
    RunError
        When another process writes the run, on this host or another; and in the block, by each method of `run` that
        writes, when the lock has been lost.
    """
    at_most_s = locks.SILENT_AFTER + locks.BEAT if wait else 0.0
    work = f"run {run.id} is running: another process trains it"
    with locks.waiting(run.path / LOCK, work, reporter, at_most_s=at_most_s) as held:
        run.lock = held
        try:
            yield
        finally:
            run.lock = None
