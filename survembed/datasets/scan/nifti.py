"""Read NIfTI files: check the header, then stream the voxels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from gzip import BadGzipFile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from isal import igzip
from isal.igzip_lib import IsalError
from numpy.typing import NDArray

from survembed.datasets.scan.grid import Volume
from survembed.datasets.scan.nifti_header import COPY_AGAIN, HEADER_BYTES, parse_header
from survembed.errors import DataError

SLAB_BYTES = 2**23
"""Approximate size of a slab of voxels read at a time."""


@dataclass(frozen=True)
class Nifti(Volume):
    """A NIfTI volume with a valid header.

    Attributes
    ----------
    offset
        Position of the first voxel in bytes.
    """

    offset: int

    def slabs(self, planes: slice) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield all planes, because the gzip checksum is verified only at the end of the file."""
        ni, nj, nk = self.stored_shape
        plane = ni * nj * self.dtype.itemsize
        step = max(1, SLAB_BYTES // plane)
        with _open_stream(self.path) as stream:
            _read_exactly(stream, self.offset, self.path)
            for start in range(0, nk, step):
                count = min(step, nk - start)
                data = _read_exactly(stream, count * plane, self.path)
                yield start, np.frombuffer(data, self.dtype).reshape(count, nj, ni)
            while stream.read(SLAB_BYTES):  # to the gzip checksum in the last bytes
                pass


def open_nifti(path: Path, voxel_limit: int) -> Nifti:
    """Read and check the header of a NIfTI-1 or NIfTI-2 file. The content, not the name, decides if it is gzipped.

    Parameters
    ----------
    voxel_limit
        Largest number of voxels that the header may declare; checked before memory is allocated.

    Raises
    ------
    DataError
        If the file is missing, not NIfTI, not 3-D (a fourth axis of length 1 is accepted), larger than `voxel_limit`
        or truncated, if its values are not real numbers, or if its affine is invalid.
    """
    with _open_stream(path) as stream:
        block = stream.read(HEADER_BYTES)
    header = parse_header(block, path, voxel_limit)
    size = header.offset + int(np.prod(header.shape)) * header.dtype.itemsize
    if not _is_gzip(path) and path.stat().st_size < size:
        message = f"{path.name} is truncated: {path.stat().st_size:,} of {size:,} bytes"
        raise DataError(message, where=str(path), try_=COPY_AGAIN)
    return Nifti(path, *header)


def _is_gzip(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


@contextmanager
def _open_stream(path: Path) -> Iterator[BinaryIO]:
    """Open a file, decompressed if it is gzip; errors of the compression become `DataError`."""
    try:
        opener: Any = igzip.open if _is_gzip(path) else open
        with opener(path, "rb") as stream:
            yield stream
    except EOFError as error:
        raise DataError(
            f"{path.name} is truncated: its compressed data end too soon", where=str(path), try_=COPY_AGAIN
        ) from error
    except (BadGzipFile, IsalError) as error:  # type: ignore[misc]  # isal's stub has an instance for the class
        raise DataError(f"{path.name} is damaged: {error}", where=str(path), try_=COPY_AGAIN) from error
    except OSError as error:
        raise DataError(
            f"cannot read {path.name}: {error.strerror or error}", where=str(path), expected="a readable file"
        ) from error


def _read_exactly(stream: BinaryIO, size: int, path: Path) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise DataError(f"{path.name} is truncated: voxels are missing", where=str(path), try_=COPY_AGAIN)
    return data
