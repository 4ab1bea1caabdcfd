"""Temporary folders in the cache: removed at the end, or by the next user where a process was killed."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from survembed.storage.files import cache_folder, writable
from survembed.storage.owner import process_exists


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder for this process alone, readable by this user alone.

    Folders of processes of this host that no longer run are removed first.

    Raises
    ------
    DataError
        If the cache cannot be written.
    """
    parent, host = cache_folder() / "scratch", sha256(socket.gethostname().encode()).hexdigest()[:8]
    with writable(parent):
        parent.mkdir(parents=True, exist_ok=True)
        for other in parent.iterdir():
            owner = re.fullmatch(rf"{host}-(\d+)-\w+", other.name)
            if owner and not process_exists(int(owner[1])):
                shutil.rmtree(other, ignore_errors=True)
        folder = parent / f"{host}-{os.getpid()}-{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
