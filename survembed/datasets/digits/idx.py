"""The IDX format of MNIST: big-endian magic number, sizes, then bytes; plain or gzipped."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from survembed.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes with `dimensions` axes: 3 for images (n, rows, columns), 1 for labels (n,).

    Raises
    ------
    DataError
        When the file is missing, is no such IDX file, or is shorter or longer than its header says.
    """
    try:
        return parse_idx(unpacked(path.read_bytes(), path), dimensions, path)
    except OSError as error:
        raise DataError(f"cannot read {path.name}: {error.strerror or error}", where=str(path)) from error


def unpacked(content: bytes, path: Path) -> bytes:
    """`content` without its gzip, if it has one; `path` is for the error of a damaged one."""
    if content[:2] != GZIP_MAGIC:
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path.name} is cut short or damaged", where=str(path), expected="a whole gzip file"
        ) from error


def parse_idx(content: bytes, dimensions: int, path: Path) -> NDArray[np.uint8]:
    """The array in the unpacked `content` of an IDX file; `path` is for the errors. See `read_idx`."""
    header = 4 + 4 * dimensions
    magic = bytes([0, 0, 8, dimensions])
    if content[:4] != magic or len(content) < header:
        raise DataError(
            f"{path.name} is no IDX file of bytes with {dimensions} dimension(s): it begins with {content[:4].hex()}",
            where=str(path),
            expected=f"magic number {magic.hex()}, then {dimensions} sizes",
        )
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    if len(content) - header != math.prod(shape):
        raise DataError(
            f"{path.name} holds {len(content) - header} bytes for shape {shape}",
            where=str(path),
            expected=f"{math.prod(shape)} bytes",
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
