"""Open MetaImage files, header and voxels in one (.mha) or in two (.mhd).

The format: https://github.com/Kitware/MetaIO. Coordinates are those of ITK, to the left, posterior and superior.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from survembed.datasets.scan.grid import Float, require_valid_affine
from survembed.datasets.scan.limits import detached_file, require_3d, require_voxels
from survembed.datasets.scan.stored import COPY_AGAIN, Encoding, StoredVolume
from survembed.errors import DataError

MAX_HEADER = 2**16
"""Largest header in bytes."""
TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


def open_meta_image(path: Path, voxel_limit: int) -> StoredVolume:
    """Read and check the header of a MetaImage file; `voxel_limit` as in `open_nifti`.

    Raises
    ------
    DataError
        As `open_nifti`; also if the voxels are text, in several files or in another folder.
    """
    fields, end = _fields(path)
    try:
        sizes = [int(size) for size in fields["DimSize"].split()]
        shape = require_3d(sizes, path)
        affine = _affine(fields, len(sizes))
        kind = TYPES.get(fields["ElementType"])
        header_size = int(fields.get("HeaderSize", "0"))
    except (KeyError, ValueError) as error:
        raise _damaged(path, f"{error}") from error
    require_voxels(shape, path, voxel_limit)
    numbers = int(fields.get("ElementNumberOfChannels", "1"))
    scaled = (fields.get("ElementToIntensityFunctionSlope", "1"), fields.get("ElementToIntensityFunctionOffset", "0"))
    is_plain = (
        numbers == 1 and _is_true(fields.get("BinaryData", "True")) and [float(each) for each in scaled] == [1, 0]
    )
    if kind is None or not is_plain:
        raise DataError(
            f"{path.name} contains {numbers} number(s) per voxel of type {fields['ElementType']}, as text or scaled",
            where=str(path),
            expected="one integer or float in each voxel, binary",
            try_="write it again, with one number per voxel",
        )
    require_valid_affine(affine, path.name, path)
    is_big = _is_true(fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "False")))
    dtype = np.dtype(kind).newbyteorder(">" if is_big else "<")
    name = fields["ElementDataFile"]
    data, start = (path, end) if name.upper() == "LOCAL" else (detached_file(path, name), max(0, header_size))
    is_compressed = _is_true(fields.get("CompressedData", "False"))
    if header_size == -1 and not is_compressed and data.is_file():  # the voxels are the last bytes of the file
        start = max(0, data.stat().st_size - int(np.prod(shape)) * dtype.itemsize)
    warnings = (
        ()
        if "TransformMatrix" in fields or "Orientation" in fields or "Rotation" in fields
        else (f"{path.name}: the header has no directions: the axes of ITK are used",)
    )
    encoding: Encoding = "zlib" if is_compressed else "raw"
    volume = StoredVolume(path, shape, affine, dtype, 1.0, 0.0, warnings, data, start, encoding, 0)
    return volume.require_complete()


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """Fields of the header, and the byte behind it: the last field is `ElementDataFile`."""
    fields: dict[str, str] = {}
    with open(path, "rb") as file:
        while file.tell() < MAX_HEADER and (line := file.readline(MAX_HEADER)):
            name, equals, value = line.decode("latin-1").partition("=")
            if not equals:
                break
            fields[name.strip()] = value.strip()
            if name.strip() == "ElementDataFile":
                return fields, file.tell()
    raise _damaged(path, "it has no ElementDataFile")


def _affine(fields: dict[str, str], n_axes: int) -> Float:
    """(4, 4) from stored voxel index to RAS mm. Row i of the matrix is the direction of axis i."""

    def numbers(*names: str) -> list[float] | None:
        text = next((fields[name] for name in names if name in fields), None)
        return None if text is None else [float(part) for part in text.split()]

    matrix = numbers("TransformMatrix", "Orientation", "Rotation")
    directions = np.eye(n_axes) if matrix is None else np.array(matrix).reshape(n_axes, n_axes)
    spacing = numbers("ElementSpacing", "ElementSize")
    if spacing is None or len(spacing) != n_axes:
        raise ValueError("ElementSpacing is missing or incomplete")
    origin = numbers("Offset", "Position", "Origin") or [0.0] * n_axes
    affine = np.eye(4)
    affine[:3, :3] = (directions[:3, :3] * np.array(spacing[:3])[:, None]).T * LPS_TO_RAS[:, None]
    affine[:3, 3] = np.array(origin[:3]) * LPS_TO_RAS
    return affine


def _is_true(text: str) -> bool:
    return text.strip().lower() in ("true", "1", "t", "yes")


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"the header of {path.name} is damaged: {reason}", where=str(path), try_=COPY_AGAIN)
