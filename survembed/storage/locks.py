"""Locks in a shared folder: a file created with O_EXCL, with a heartbeat, replaced if its owner has ended.

They work between threads, processes and machines on a network file system, where `flock` may not. Wrong clocks have
no effect: only times of files are compared.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from survembed.errors import DataError

BEAT = 2.0
"""Seconds between heartbeats."""

DEAD_AFTER = 6.0
"""Seconds without a heartbeat after which a lock is free if its process has ended on this host.

The delay is needed because containers may share a host name, and each sees only its own processes.
"""

SILENT_AFTER = 120.0
"""Seconds without a heartbeat after which any lock is free; network file systems may show times a minute late."""


@contextmanager
def lock(path: Path) -> Iterator[bool]:
    """Hold the lock `path`, a file, during the block; yields False if another owner holds it.

    A lock whose owner has ended is replaced. The file contains host and process of the owner.

    Raises
    ------
    DataError
        If the folder is not writable.
    """
    token = secrets.token_hex(8)
    if not (_create(path, token) or _take_over(path, token)):
        yield False
        return
    stop = threading.Event()
    heart = threading.Thread(target=_beat, args=(path, stop), daemon=True)
    heart.start()
    try:
        yield True
    finally:
        stop.set()
        heart.join()
        if _owner(path).get("token") == token:  # else this process was suspended and the lock has a new owner
            path.unlink(missing_ok=True)


@contextmanager
def waiting(path: Path) -> Iterator[None]:
    """Hold the lock `path` during the block; wait while another owner holds it."""
    while True:
        with lock(path) as ours:
            if ours:
                yield
                return
        time.sleep(0.1)


def is_held(path: Path) -> bool:
    """Whether a running owner holds the lock `path`."""
    return path.exists() and not _is_stale(path)


def owner_is_alive(path: Path) -> bool:
    """Whether the owner of the lock `path` still works: by its process on this host, by its heartbeat on another."""
    owner = _owner(path)
    if owner.get("host") == socket.gethostname():
        return process_is_alive(owner.get("process"))
    return path.exists() and _silence(path) <= SILENT_AFTER


def break_lock(path: Path, process: int) -> None:
    """Remove the lock `path` if its owner is `process` of this host, which the caller knows has ended."""
    owner = _owner(path)
    if (owner.get("host"), owner.get("process")) == (socket.gethostname(), process):
        path.unlink(missing_ok=True)


def _create(path: Path, token: str) -> bool:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        return False
    except OSError as error:
        raise _unwritable(path, error) from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"host": socket.gethostname(), "process": os.getpid(), "token": token}, file)
    return True


def _unwritable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"cannot write {path.name}: {error.strerror or error}", where=str(path), expected="a folder to write to"
    )


def _take_over(path: Path, token: str) -> bool:
    """Replace a stale lock; the guard file `path`.take ensures that only one process does."""
    if not _is_stale(path):
        return False
    guard = path.with_name(path.name + ".take")
    if guard.exists() and _silence(guard) > SILENT_AFTER:  # its owner ended within a millisecond
        guard.unlink(missing_ok=True)
    if not _create(guard, token):
        return False
    try:
        if not _is_stale(path):  # another process was faster
            return False
        path.unlink(missing_ok=True)
        return _create(path, token)
    finally:
        guard.unlink(missing_ok=True)


def _is_stale(path: Path) -> bool:
    silence = _silence(path)
    if silence > SILENT_AFTER:
        return True
    owner = _owner(path)
    return (
        silence > DEAD_AFTER
        and owner.get("host") == socket.gethostname()
        and not process_is_alive(owner.get("process"))
    )


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


def _owner(path: Path) -> dict[str, Any]:
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}


def process_is_alive(process: Any) -> bool:
    """Whether a process of this host is running; a zombie is not."""
    if not isinstance(process, int):
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # no Linux
        return True
    return not status.rpartition(")")[2].split()[0].startswith("Z")


def _beat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(BEAT):
        with suppress(OSError):
            os.utime(path)
