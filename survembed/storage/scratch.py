"""Temporary folders in the cache: removed at the end, or by the next user where a process was killed."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from survembed.storage.files import cache_folder, writable
from survembed.storage.owner import is_of_dead_process, signature


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder for this process alone, readable by this user alone.

    Folders of processes of this machine and PID namespace that no longer run are removed first.

    Raises
    ------
    DataError
        If the cache cannot be written.
    """
    parent = cache_folder() / "scratch"
    with writable(parent):
        parent.mkdir(parents=True, exist_ok=True)
        for other in parent.iterdir():
            if is_of_dead_process(other.name):
                shutil.rmtree(other, ignore_errors=True)
        folder = parent / f"{signature()}-{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
