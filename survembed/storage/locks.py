"""Locks in a shared folder: a file created with O_EXCL, with a heartbeat, replaced if its owner has ended.

They work between threads, processes, containers and machines on a network file system, where `flock` may not. Wrong
clocks have no effect: only times of files are compared.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from survembed.errors import RunError
from survembed.progress import QUIET, Reporter
from survembed.storage.files import make_folder, writable
from survembed.storage.owner import Owner

BEAT = 2.0
"""Seconds between heartbeats."""

DEAD_AFTER = 6.0
"""Seconds without a heartbeat after which a lock is free if its process has ended on this machine.

The delay is needed because copies of a virtual machine may take each other for the same one.
"""

SILENT_AFTER = 120.0
"""Seconds without a heartbeat after which the lock of a process that cannot be seen from here is free.

Network file systems may show times a minute late. A process of this machine that lives keeps its lock, even if stopped.
"""

FUTURE = 60.0
"""Seconds by which the time of a lock may lie in the future."""


class HeldLock:
    """A lock of this process."""

    def __init__(self, path: Path, owner: Owner) -> None:
        self.path, self.owner = path, owner

    def is_ours(self) -> bool:
        """Whether the lock still has this owner: another may have replaced it, or a user deleted it."""
        try:
            owner = _owner(self.path)
        except RunError:
            return False
        return owner is not None and owner.token == self.owner.token

    def check(self) -> None:
        """Refuse to write what the lock protects after it was lost.

        Raises
        ------
        RunError
            When the lock has another owner, or none.
        """
        if not self.is_ours():
            raise RunError(
                "this process has lost its lock: it was suspended for long, or the lock was deleted",
                where=str(self.path),
                expected=f"the lock of {self.owner}",
                try_="let the other process finish, or end it; then --resume the run",
            )


@contextmanager
def lock(path: Path) -> Iterator[HeldLock | None]:
    """Hold the lock `path`, a file, during the block; yields None if another owner holds it.

    A lock whose owner has ended is replaced. The file describes the owner, see `Owner`.

    Raises
    ------
    DataError
        If the folder is not writable.
    RunError
        If the file is no lock of this version, or its time lies in the future.
    """
    held = HeldLock(path, Owner.this_process())
    if not (_create(path, held.owner) or _take_over(path, held.owner)):
        yield None
        return
    stop = threading.Event()
    heart = threading.Thread(target=_beat, args=(held, stop), daemon=True)
    heart.start()
    try:
        yield held
    finally:
        stop.set()
        heart.join()
        if held.is_ours():  # else this process was suspended and the lock has a new owner
            path.unlink(missing_ok=True)


@contextmanager
def waiting(
    path: Path, work: str = "another process holds the lock", reporter: Reporter = QUIET, *, at_most_s: float = math.inf
) -> Iterator[HeldLock]:
    """Hold the lock `path` during the block; wait while another owner holds it, and report who.

    Parameters
    ----------
    work
        What the owner of the lock does, as a sentence: `another process prepares this cohort`.
    at_most_s
        Seconds to wait for an owner that may be alive; one that has ended on this machine is awaited in any case.

    Raises
    ------
    RunError
        When the owner still holds the lock after `at_most_s`, and as `lock`.
    """
    begin = time.monotonic()
    reported = ""
    while True:
        with lock(path) as held:
            if held:
                yield held
                return
        owner = _owner(path)
        waited = time.monotonic() - begin
        if waited >= at_most_s and not (owner and owner.is_alive() is False and waited < DEAD_AFTER + BEAT):
            raise RunError(
                f"{work}: {owner or 'not yet known'}",
                where=str(path),
                expected=f"no other process, or none without a heartbeat for {SILENT_AFTER:.0f} s",
                try_="wait until it ends, or end it first",
            )
        if str(owner or "") != reported and waited > BEAT / 4:
            reported = str(owner or "")
            reporter.say(f"waiting: {work}: {reported}")
        time.sleep(0.1)


def is_held(path: Path) -> bool:
    """Whether an owner that may be alive holds the lock `path`; true for a file that is no lock of this version."""
    try:
        return path.exists() and not _is_stale(path)
    except RunError:
        return True


def owner_is_alive(path: Path) -> bool:
    """The same without the delay `DEAD_AFTER` after the end of a process of this machine."""
    try:
        owner = _owner(path)
        return is_held(path) and not (owner and owner.is_alive() is False)
    except RunError:
        return True


def owner_of(path: Path) -> Owner | None:
    """The owner of the lock `path`; None where there is none that may be alive.

    Raises
    ------
    RunError
        As `lock`.
    """
    return None if _is_stale(path) else _owner(path)


def break_lock(path: Path, process: int) -> None:
    """Remove the lock `path` if its owner is `process` of this machine, which the caller knows has ended."""
    with suppress(RunError):
        owner = _owner(path)
        if owner and owner.process == process and owner.is_alive() is False:
            path.unlink(missing_ok=True)


def _create(path: Path, owner: Owner) -> bool:
    with writable(path):
        make_folder(path.parent)
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return False
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(owner.to_dict(), file)
        except OSError:  # the disk is full
            path.unlink(missing_ok=True)
            raise
        return True


def _take_over(path: Path, owner: Owner) -> bool:
    """Replace a stale lock; the guard file `path`.take ensures that only one process does."""
    if not _is_stale(path):
        return False
    guard = path.with_name(path.name + ".take")
    if guard.exists() and _silence(guard) > SILENT_AFTER:  # its owner ended within a millisecond
        guard.unlink(missing_ok=True)
    if not _create(guard, owner):
        return False
    try:
        if not _is_stale(path):  # another process was faster
            return False
        path.unlink(missing_ok=True)
        return _create(path, owner)
    finally:
        guard.unlink(missing_ok=True)


def _is_stale(path: Path) -> bool:
    """Whether the owner has ended; false where the file is gone."""
    owner = _owner(path)
    alive = owner.is_alive() if owner else None
    if alive:
        return False
    silence = _silence(path)
    if silence < -FUTURE:
        raise RunError(
            f"the time of the lock lies {-silence:.0f} s in the future, so that its heartbeat cannot be seen",
            where=str(path),
            expected=f"the heartbeat of {owner or 'its owner'}",
            try_=f"end that process if it runs, then: rm {path}",
        )
    return silence > (SILENT_AFTER if alive is None else DEAD_AFTER)


def _silence(path: Path) -> float:
    """Seconds since the last heartbeat; 0 where the file is gone.

    By the clock of the file system, or by our own clock in a folder that cannot be written.
    """
    probe = path.with_name(f".{secrets.token_hex(4)}.now")
    try:
        now = time.time()
        with suppress(OSError):
            probe.touch()
            now = probe.stat().st_mtime
        return now - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def _owner(path: Path) -> Owner | None:
    """The owner in the file; None where there is no file, or where it is still empty.

    Raises
    ------
    RunError
        When the file describes no owner.
    """
    reason = "it does not describe its owner"
    try:
        text = path.read_text(encoding="utf-8")
        owner = Owner.from_dict(json.loads(text)) if text else None
        if owner or not text:
            return owner
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = error.strerror or str(error)
    except ValueError:
        pass
    raise RunError(
        f"{path.name} is no lock of this version of survembed: {reason}",
        where=str(path),
        expected="host, process and token of its owner, as JSON",
        try_=f"end the process that wrote it, if it runs, then: rm -r {path}",
    )


def _beat(held: HeldLock, stop: threading.Event) -> None:
    while not stop.wait(BEAT):
        with suppress(OSError):
            if held.is_ours():
                os.utime(held.path)
