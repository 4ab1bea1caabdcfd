"""The IDX file format of MNIST: big-endian magic number, sizes, then bytes; plain or gzipped."""

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


def parse_idx(content: bytes, dimensions: int, path: Path) -> NDArray[np.uint8]:
    """Parse an IDX file of unsigned bytes, plain or gzipped; `path` is for errors.

    Parameters
    ----------
    dimensions
        3 for images (n, rows, columns), 1 for labels (n,).

    Raises
    ------
    DataError
        If the content is not such an IDX file, or shorter or longer than its header says.
    """
    content = _decompress(content, path)
    header = 4 + 4 * dimensions
    magic = bytes([0, 0, 8, dimensions])
    if content[:4] != magic or len(content) < header:
        raise DataError(
            f"{path.name} is not an IDX file of bytes with {dimensions} dimension(s): it begins with "
            f"{content[:4].hex()}",
            where=str(path),
            expected=f"magic number {magic.hex()}, then {dimensions} sizes",
        )
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    if len(content) - header != math.prod(shape):
        raise DataError(
            f"{path.name} has {len(content) - header} bytes for shape {shape}",
            where=str(path),
            expected=f"{math.prod(shape)} bytes",
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _decompress(content: bytes, path: Path) -> bytes:
    if content[:2] != GZIP_MAGIC:
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path.name} is truncated or damaged", where=str(path), expected="a complete gzip file"
        ) from error
