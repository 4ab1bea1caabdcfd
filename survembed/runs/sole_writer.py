"""The lock of a run: one process writes a run at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from survembed.errors import RunError
from survembed.runs.run import LOCK, Run
from survembed.storage import locks


@contextmanager
def sole_writer(run: Run, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a run, with a heartbeat, for the length of the block.

    Parameters
    ----------
    wait
        Whether to wait for the lock of an owner that may be alive, until its heartbeat is too old.

    Raises
    ------
    RunError
        When another process writes the run, on this host or another.
    """
    path = run.path / LOCK
    # The lock of a process that has just ended on this host is free after `DEAD_AFTER`: containers may share a host
    # name, and each sees only its own processes.
    wait_s = locks.SILENT_AFTER if wait else locks.DEAD_AFTER if not locks.owner_is_alive(path) else 0.0
    last = time.monotonic() + wait_s + locks.BEAT * (wait_s > 0)
    while True:
        with locks.lock(path) as acquired:
            if acquired:
                yield
                return
        if time.monotonic() >= last:
            raise RunError(
                f"run {run.id} is running: another process trains it",
                where=str(path),
                expected=f"a run without a live process (no heartbeat for {locks.SILENT_AFTER:.0f} s on another host)",
                try_="wait until it ends, or end it first",
            )
        time.sleep(0.1)
