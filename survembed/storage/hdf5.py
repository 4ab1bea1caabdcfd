"""Atomic HDF5 files, also on a full disk, with a checksum of their content in the root attribute `checksum`."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from survembed.errors import DataError, RunError
from survembed.storage.files import replacing
from survembed.storage.sealed import CHECKSUM


class _Sink(io.RawIOBase):
    """A file for HDF5 that never fails: it stores the first error and discards all later writes.

    HDF5 keeps unwritten data and fails again on close, and a file that cannot be closed crashes the interpreter later.
    Here close succeeds; `check` raises the error.
    """

    def __init__(self, path: Path) -> None:
        self._file = io.FileIO(path, "w+")
        self.error: BaseException | None = None

    def check(self) -> None:
        """Raise the stored error, if any."""
        if self.error is not None:
            raise self.error

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        done = 0
        try:
            while self.error is None and done < len(view):
                done += self._file.write(view[done:])
        except BaseException as error:  # Ctrl-C too must not interrupt HDF5
            self.error = error
        return len(view)

    def truncate(self, size: int | None = None, /) -> int:
        return size or 0 if self.error else self._file.truncate(size)

    def readinto(self, buffer: Any, /) -> int:
        return self._file.readinto(buffer)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def writing_hdf5(path: Path) -> Iterator[tuple[h5py.File, Callable[[], None]]]:
    """Write an HDF5 file to `path` atomically.

    Yields
    ------
    file
        The open file.
    check
        Raises the error of the disk, if any; call it between large writes to stop early.

    Raises
    ------
    DataError
        If the disk is full or the folder is not writable; no file remains.
    """
    with replacing(path) as temporary, _Sink(temporary) as sink:
        with h5py.File(sink, "w") as file:
            yield file, sink.check
        sink.check()


def seal_hdf5(file: h5py.File) -> None:
    """Add the checksum to an open HDF5 file that is complete."""
    file.attrs[CHECKSUM] = _content(file)


def check_hdf5(file: h5py.File) -> None:
    """Compare the content of an open HDF5 file with its checksum, if it has one; reads all, so for small files only.

    Raises
    ------
    ValueError
        If it differs.
    """
    if CHECKSUM in file.attrs and file.attrs[CHECKSUM] != _content(file):
        raise ValueError("it differs from its checksum")


def _content(file: h5py.File) -> str:
    """SHA-256, in hex, of names, types, shapes and values of all attributes and datasets."""
    result = hashlib.sha256()

    def add(*parts: Any) -> None:
        for part in parts:
            content = part if isinstance(part, bytes) else str(part).encode()
            result.update(f"{len(content)}:".encode() + content)

    def add_values(values: Any) -> None:
        array = np.asarray(values)
        if array.dtype.kind == "O":
            texts = [each.decode() if isinstance(each, bytes) else str(each) for each in array.ravel()]
            add("text", array.shape, json.dumps(texts))
        else:
            add(array.dtype.str, array.shape, array.tobytes())

    def visit(name: str, node: Any) -> None:
        for key in sorted(node.attrs):
            if key != CHECKSUM or name != "/":
                add(name, key)
                add_values(node.attrs[key])
        add(name, type(node).__name__)
        if hasattr(node, "dtype"):
            add_values(node[()])
        else:
            for child in sorted(node):
                visit(f"{name}{child}/", node[child])

    visit("/", file)
    return result.hexdigest()


def require_plain_hdf5(path: Path) -> None:
    """Refuse an HDF5 file that is damaged, or whose links or datasets lead to another file.

    Raises
    ------
    DataError
        With the name of the first such node.
    """

    def visit(group: h5py.Group) -> None:
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise DataError(
                    f"{path.name} has a link, '{name}'", where=str(path), expected="data in the file itself"
                )
            node = group[name]
            if isinstance(node, h5py.Group):
                visit(node)
            elif node.external or node.is_virtual:
                raise DataError(f"'{name}' of {path.name} lies in another file", where=str(path))

    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            visit(file)
            check_hdf5(file)
    except (OSError, MemoryError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise DataError(f"{path.name} is damaged: {error}", where=str(path)) from error


@contextmanager
def reading_hdf5(path: Path, kind: tuple[str, int], failed: str, remedy: str) -> Iterator[h5py.File]:
    """Open a file of a run whose format, version and checksum are right.

    Parameters
    ----------
    kind
        Its format and format version.
    failed, remedy
        What the error says of the file, such as `cannot be read`, and the command that makes it again.

    Raises
    ------
    RunError
        When the file is missing, damaged or of another format, also if reading within the block fails.
    """
    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            if (file.attrs["format"], file.attrs["format_version"]) != kind:
                raise KeyError("format")
            check_hdf5(file)
            yield file
    except (
        OSError,
        MemoryError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        RuntimeError,
    ) as error:  # all by h5py
        raise RunError(f"{path.name} {failed}: {error}", where=str(path), try_=remedy) from error
