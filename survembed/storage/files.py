"""Files that are either whole or absent: written beside their place, synced to disk, then renamed; and their hashes."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from survembed.errors import DataError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success sync it and rename it onto `path`, on failure remove it.

    A crash at any moment leaves the old file or the new one, never a part. The temporary name ends like `path`.

    Raises
    ------
    DataError
        When the disk is full or the folder cannot be written; nothing is left behind.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex[:8]}.part-{path.name}")
    try:
        with writable(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Turn what the disk refuses while `path` is written into a `DataError`."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot write {path.name}: {error.strerror or error}",
            where=str(path),
            expected="a folder that can be written, with space left",
        ) from error


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; not every system can open a folder."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, whole or not at all. NaN is refused."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    DataError
        When the file is missing, cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"no file {path.name}", where=str(path)) from error
    except OSError as error:
        raise DataError(f"cannot read {path.name}: {error.strerror or error}", where=str(path)) from error
    except ValueError as error:
        raise DataError(f"{path.name} is damaged: not JSON", where=str(path)) from error


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value: Any) -> str:
    """The SHA-256, in hex, of `value` as canonical JSON: equal for equal values, whatever the order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def cache_folder() -> Path:
    """The user's cache of prepared cohorts and downloads: `SURVEMBED_CACHE`, or the system's usual place."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("SURVEMBED_CACHE")
    return Path(chosen) if chosen else user_cache_path("survembed", appauthor=False)


class HashIndex:
    """SHA-256 of files, remembered by path, size and time of change: a large file is read once, not at each start.

    The index is a JSON file in the cache folder; a damaged one is started anew. Paths stand there as hashes, as the
    name of a folder or file may be a patient's.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or cache_folder() / "sha256.json"
        try:
            self._known: dict[str, list[Any]] = dict(read_json(self.path))
        except (DataError, TypeError, ValueError):
            self._known = {}
        self._changed = False

    def sha256(self, path: Path) -> str:
        """The hash of `path`, from memory where size and time of change are those of last time."""
        resolved = digest(str(path.resolve()))
        status = path.stat()
        stamp = [status.st_size, status.st_mtime_ns]
        known = self._known.get(resolved)
        if known is None or known[:2] != stamp:
            known = [*stamp, sha256(path)]
            self._known[resolved] = known
            self._changed = True
        return str(known[2])

    def save(self) -> None:
        """Write what was learnt; without this nothing is remembered."""
        if self._changed:
            write_json(self.path, self._known)
            self._changed = False
