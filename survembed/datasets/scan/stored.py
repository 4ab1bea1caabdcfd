"""`StoredVolume`: voxels one after the other in a file, plain or compressed, behind a header or alone."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from gzip import BadGzipFile
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

import numpy as np
from isal import igzip
from isal.igzip_lib import IsalError
from numpy.typing import NDArray

from survembed.datasets.scan.grid import Volume
from survembed.errors import DataError

SLAB_BYTES = 2**23
"""Approximate size of a slab of voxels read at a time."""
COPY_AGAIN = "copy, download or write it again"
"""Remedy for a damaged file."""

Encoding = Literal["raw", "gzip", "bzip2", "zlib"]


class Readable(Protocol):
    """Anything that gives the next bytes."""

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes, or fewer at the end."""
        ...


@dataclass(frozen=True)
class StoredVolume(Volume):
    """A volume with a valid header, whose voxels follow each other in one file.

    Attributes
    ----------
    data_path
        The file with the voxels: `path`, or a file beside it.
    start
        Where the data begin in that file, in bytes.
    encoding
        How the data from `start` on are compressed.
    skip
        Bytes before the first voxel, after decompression.
    """

    data_path: Path
    start: int
    encoding: Encoding
    skip: int

    def slabs(self, planes: slice) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield all planes, because a checksum is verified only at the end of the file."""
        ni, nj, nk = self.stored_shape
        plane = ni * nj * self.dtype.itemsize
        step = max(1, SLAB_BYTES // plane)
        with open_stream(self.data_path, self.start, self.encoding) as stream:
            _read_exactly(stream, self.skip, self.data_path)
            for start in range(0, nk, step):
                count = min(step, nk - start)
                data = _read_exactly(stream, count * plane, self.data_path)
                yield start, np.frombuffer(data, self.dtype).reshape(count, nj, ni)
            while stream.read(SLAB_BYTES):  # to the checksum in the last bytes
                pass

    def require_complete(self) -> StoredVolume:
        """This volume, if its file can hold all voxels; the size of a compressed file does not tell.

        Raises
        ------
        DataError
            If the file is missing or truncated.
        """
        try:
            found = self.data_path.stat().st_size
        except OSError as error:
            raise _unreadable(self.data_path, error) from error
        size = self.start + self.skip + int(np.prod(self.stored_shape)) * self.dtype.itemsize
        if self.encoding == "raw" and found < size:
            message = f"{self.data_path.name} is truncated: {found:,} of {size:,} bytes"
            raise DataError(message, where=str(self.data_path), try_=COPY_AGAIN)
        return self


def is_gzip(path: Path) -> bool:
    """Whether the content of a file is gzipped."""
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


@contextmanager
def open_stream(path: Path, start: int = 0, encoding: Encoding | None = None) -> Iterator[Readable]:
    """Open a file from byte `start` on, decompressed; errors of the compression become `DataError`.

    Parameters
    ----------
    encoding
        None decides by the content: gzip or plain.
    """
    try:
        with open(path, "rb") as file:
            if encoding is None:
                encoding = "gzip" if file.read(2) == b"\x1f\x8b" else "raw"
            file.seek(start)
            if encoding == "gzip":
                opener: Any = igzip.open  # has no types
                with opener(file, "rb") as stream:
                    yield stream
            elif encoding == "bzip2":
                with bz2.BZ2File(file) as stream:
                    yield stream
            else:
                yield _Inflated(file) if encoding == "zlib" else file
    except EOFError as error:
        raise DataError(
            f"{path.name} is truncated: its compressed data end too soon", where=str(path), try_=COPY_AGAIN
        ) from error
    except (BadGzipFile, IsalError, zlib.error) as error:  # type: ignore[misc]  # isal's stub has an instance
        raise DataError(f"{path.name} is damaged: {error}", where=str(path), try_=COPY_AGAIN) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"cannot read {path.name}: {error.strerror or error}", where=str(path), expected="a readable file")


class _Inflated:
    """A zlib or gzip stream of an open file, decompressed piece by piece."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._inflate = file, zlib.decompressobj(wbits=47)

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes, or fewer at the end.

        Raises
        ------
        EOFError
            If the stream ends before its checksum.
        """
        parts, missing = [], size
        while missing and not self._inflate.eof:
            source = self._inflate.unconsumed_tail or self._file.read(2**16)
            part = self._inflate.decompress(source, missing)
            if not source and not part:
                raise EOFError
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)


def _read_exactly(stream: Readable, size: int, path: Path) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise DataError(f"{path.name} is truncated: voxels are missing", where=str(path), try_=COPY_AGAIN)
    return data
