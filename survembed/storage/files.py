"""Atomic files (written under a temporary name, synced, renamed) and hashes of files."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from survembed.errors import DataError
from survembed.storage.cores import map_in_threads
from survembed.storage.owner import is_of_dead_process, signature


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`; on success sync and rename it to `path`, on failure remove it.

    A crash leaves the old or the new file, never a part. The temporary name has the suffix of `path`, and names this
    process: the next process that writes into the folder removes what a killed one has left there.

    Raises
    ------
    DataError
        If the disk is full or the folder is not writable; no file remains.
    """
    temporary = path.with_name(f".{signature()}-{uuid.uuid4().hex[:8]}.part-{path.name}")
    try:
        with writable(path):
            make_folder(path.parent)
            _remove_leftovers(path.parent)
            yield temporary
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


_tidy: set[Path] = set()
"""Folders without temporary files of killed processes, as far as this process knows."""


def _remove_leftovers(folder: Path) -> None:
    """Remove temporary files of processes that no longer run, once for each folder."""
    resolved = folder.resolve()
    if resolved in _tidy:
        return
    _tidy.add(resolved)
    with suppress(OSError):
        for path in folder.glob(".*.part-*"):
            if is_of_dead_process(path.name[1:]):
                with suppress(OSError):
                    path.unlink()


def make_folder(folder: Path) -> None:
    """Make `folder` and its missing parents, for this user only: they will hold data of patients."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def is_file(path: Path) -> bool:
    """Whether `path` is a file that this user can see; a text too long for a path is none."""
    with suppress(OSError):
        return path.is_file()
    return False


def unreadable(path: Path, error: OSError) -> DataError:
    """The error of a file that the system does not let us read."""
    return DataError(
        f"cannot read {path.name or path}: {error.strerror or error}",
        where=str(path),
        expected="a file that exists and that this user may read",
    )


def refuse_pipe(path: Path) -> None:
    """Refuse a pipe, socket or device, which may never end.

    Raises
    ------
    DataError
        When the path exists and is neither a file nor a folder.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise DataError(
            f"{path.name} is neither a file nor a folder",
            where=str(path),
            expected="a file, not a pipe or a device",
        )


def require_writable(path: Path, *, as_folder: bool = False) -> None:
    """Refuse a path that cannot be written, before the work whose result it will hold; nothing remains on the disk.

    Parameters
    ----------
    path
        A file, or with `as_folder` a folder of files; either may exist, and parents may be missing.

    Raises
    ------
    DataError
        When a file is a folder or a folder a file, or no file can be made in the folder, or in the next parent that
        exists.
    """
    with writable(path):
        if not as_folder and path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        target = (path / "file" if as_folder else path).absolute()
        folder = next(parent for parent in target.parents if parent.exists() or parent.is_symlink())
        probe = folder / f".{signature()}-{uuid.uuid4().hex[:8]}.part-{target.name}"
        try:
            probe.touch()
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Convert an `OSError` while `path` is written into a `DataError`."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot write {path.name or path}: {error.strerror or error}",
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
    """Write `text` to `path` in UTF-8, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, atomically. NaN is an error."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    DataError
        If the file is missing, cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"no file {path.name}", where=str(path)) from error
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
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
    """The user's cache of prepared cohorts and downloads: `SURVEMBED_CACHE`, or the default of the system."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("SURVEMBED_CACHE")
    return Path(chosen) if chosen else user_cache_path("survembed", appauthor=False)


TICK_S, COARSE_TICK_S = 0.02, 2.5
"""Seconds within which two changes of a file may have the same time, on a usual and on a coarse file system."""


FILES_AT_ONCE = 64
"""Files that a thread hashes at a time."""


class HashIndex:
    """SHA-256 of files, cached by path, size, times and inode, so that a large file is read only once.

    The time of change (ctime) cannot be set by a user, and every write or exchange of a file changes it. The index is a
    JSON file in the cache folder; each entry has a checksum, and a damaged one is not used. It stores paths as hashes,
    because a path can contain the name of a patient.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or cache_folder() / "sha256.json"
        try:
            self._index: dict[str, list[Any]] = dict(read_json(self.path))
        except (DataError, TypeError, ValueError):
            self._index = {}
        self._changed = False

    def sha256(self, path: Path) -> str:
        """The hash of `path`, from the index if size, times and inode are unchanged."""
        resolved = digest(str(path.resolve()))
        stamp, is_certain = _stamp(path)
        entry = self._index.get(resolved)
        if isinstance(entry, list) and entry[:-2] == stamp and entry[-1] == digest([resolved, *entry[:-1]]):
            return str(entry[-2])
        checksum = sha256(path)
        if is_certain and _stamp(path)[0] == stamp:
            entry = [*stamp, checksum]
            self._index[resolved] = [*entry, digest([resolved, *entry])]
            self._changed = True
        return checksum

    def sha256_of_all(self, paths: Sequence[Path]) -> str:
        """One hash of the contents of many files in this order, from the index if none of them has changed.

        The index has one entry for all of them, so that 100,000 files need little memory. A file that cannot be read
        counts as such.
        """
        key = digest([str(path.resolve()) for path in {path.parent: path for path in paths}.values()])
        before = _stamps(paths)
        entry = self._index.get(key)
        if isinstance(entry, list) and entry[0] == before and entry[-1] == digest([key, *entry[:-1]]):
            return str(entry[1])
        total = hashlib.sha256()
        groups = (paths[start : start + FILES_AT_ONCE] for start in range(0, len(paths), FILES_AT_ONCE))
        for contents in map_in_threads(_hashes, groups):
            total.update(contents)
        if before is not None and before == _stamps(paths):
            self._index[key] = [before, total.hexdigest(), digest([key, before, total.hexdigest()])]
            self._changed = True
        return total.hexdigest()

    def save(self) -> None:
        """Write new hashes to the index file."""
        if self._changed:
            write_json(self.path, self._index)
            self._changed = False


def _hashes(paths: Sequence[Path]) -> bytes:
    """SHA-256 of each file, one after the other; a file that cannot be read has the name of its error."""

    def one(path: Path) -> bytes:
        try:
            return sha256(path).encode()
        except OSError as error:
            return f"unreadable: {error.strerror}".encode()

    return b"\n".join(map(one, paths)) + b"\n"


def _stamps(paths: Sequence[Path]) -> str | None:
    """A hash of names, sizes, times and inodes of files; None if one is missing, or may change unnoticed."""
    total = hashlib.sha256()
    for path in paths:
        try:
            stamp, is_certain = _stamp(path)
        except OSError:
            return None
        if not is_certain:
            return None
        total.update(repr((path.name, stamp)).encode())
    return total.hexdigest()


def _stamp(path: Path) -> tuple[list[int], bool]:
    """Size, times and inode of a file, and whether they will differ after any later change.

    They might not after a change in the same tick of the clock of the file system: of some ms, or of 1 or 2 s where
    times have no digits beyond the ms.
    """
    status = path.stat()
    age_s = time.time() - status.st_ctime
    if status.st_ctime_ns % 1_000_000 and age_s < TICK_S:
        time.sleep(TICK_S)
        return _stamp(path)[0], True
    is_certain = bool(status.st_ctime_ns % 1_000_000) or age_s > COARSE_TICK_S
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino], is_certain
