"""Open NRRD files, header and voxels in one (.nrrd) or in two (.nhdr).

The format: https://teem.sourceforge.net/nrrd/format.html.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from survembed.datasets.scan.grid import Float, require_valid_affine
from survembed.datasets.scan.limits import detached_file, require_3d, require_voxels
from survembed.datasets.scan.stored import COPY_AGAIN, Encoding, StoredVolume
from survembed.errors import DataError

MAX_HEADER = 2**20
"""Largest header in bytes."""
TYPES = {
    name: kind
    for kind, names in {
        "i1": ("signed char", "int8", "int8_t"),
        "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
        "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
        "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
        "i4": ("int", "signed int", "int32", "int32_t"),
        "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
        "i8": ("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"),
        "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
        "f4": ("float",),
        "f8": ("double",),
    }.items()
    for name in names
}
ENCODINGS: dict[str, Encoding] = {"raw": "raw", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
SPACES = {
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1),
    "lps": (-1, -1, 1),
}
"""Signs from the axes of a space to RAS."""


def open_nrrd(path: Path, voxel_limit: int) -> StoredVolume:
    """Read and check the header of a NRRD file; errors and `voxel_limit` as `open_nifti`.

    Raises
    ------
    DataError
        As `open_nifti`; also if the voxels are text, in several files or in another folder.
    """
    fields, end = _fields(path)
    try:
        shape = require_3d([int(size) for size in fields["sizes"].split()], path)
        kind = TYPES.get(fields["type"].lower())
        encoding = ENCODINGS.get(fields["encoding"].lower())
    except (KeyError, ValueError) as error:
        raise _damaged(path, f"{error}") from error
    require_voxels(shape, path, voxel_limit)
    if kind is None or encoding is None:
        raise DataError(
            f"{path.name} contains {fields['type']} values as {fields['encoding']}",
            where=str(path),
            expected="integers or floats, raw, gzip or bzip2",
            try_="write it again, with one number per voxel and gzip",
        )
    order = fields.get("endian", "").lower()
    if kind[1] != "1" and order not in ("little", "big"):
        raise _damaged(path, f"endian is '{order}'")
    affine, warnings = _affine(fields, path)
    name = fields.get("data file", fields.get("datafile"))
    data = detached_file(path, name) if name is not None else path
    dtype = np.dtype(kind).newbyteorder(">" if order == "big" else "<")
    start, skip = _offsets(fields, data, 0 if name is not None else end, encoding, shape, dtype, path)
    volume = StoredVolume(path, shape, affine, dtype, 1.0, 0.0, warnings, data, start, encoding, skip)
    return volume.require_complete()


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """Fields of the header by name in lower case, and the byte behind the header."""
    with open(path, "rb") as file:
        block = file.read(MAX_HEADER)
    match = re.search(rb"\r?\n\r?\n", block)
    text = (block[: match.start()] if match else block).decode("latin-1")
    lines = text.splitlines()
    if not lines or not lines[0].startswith("NRRD000") or (not match and len(block) == MAX_HEADER):
        raise _damaged(path, "its first lines are not those of a NRRD file")
    fields = {}
    for line in lines[1:]:
        if not line.startswith("#") and ": " in line and ":=" not in line.partition(": ")[0]:
            name, _, value = line.partition(": ")
            fields[name.strip().lower()] = value.strip()
    if match is None and not {"data file", "datafile"} & fields.keys():
        raise _damaged(path, "it has no end")
    return fields, match.end() if match else len(block)


def _affine(fields: dict[str, str], path: Path) -> tuple[Float, tuple[str, ...]]:
    """(4, 4) from stored voxel index to RAS mm, and warnings."""
    affine = np.eye(4)
    try:
        if "space directions" not in fields:
            affine[:3, :3] = np.diag([abs(float(size)) for size in fields["spacings"].split()[:3]])
            require_valid_affine(affine, path.name, path)
            return affine, (f"{path.name}: the header has no orientation: the stored axes are used",)
        signs = SPACES.get(fields.get("space", "").lower())
        if signs is None:
            raise DataError(
                f"{path.name} has the space '{fields.get('space', '')}'",
                where=str(path),
                expected="left-posterior-superior, right-anterior-superior or left-anterior-superior",
                try_="write it again with an anatomical space",
            )
        directions = [_vector(text) for text in re.findall(r"\([^)]*\)", fields["space directions"])]
        columns = np.array(directions[:3], dtype=np.float64).T
        affine[:3, :3] = columns * np.array(signs)[:, None]
        affine[:3, 3] = np.array(_vector(fields["space origin"])) * signs
    except (KeyError, ValueError) as error:
        raise _damaged(path, f"{error}") from error
    units = set(re.findall(r'"([^"]*)"', fields.get("space units", "")))
    if not units <= {"mm", "millimeter", "millimeters", ""}:
        raise DataError(f"{path.name} has lengths in {', '.join(sorted(units))}", where=str(path), expected="mm")
    require_valid_affine(affine, path.name, path)
    return affine, ()


def _vector(text: str) -> list[float]:
    numbers = [float(part) for part in text.strip("() ").split(",")]
    if len(numbers) != 3:
        raise ValueError(f"{text} is no vector of three numbers")
    return numbers


def _offsets(
    fields: dict[str, str],
    data: Path,
    start: int,
    encoding: Encoding,
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
    path: Path,
) -> tuple[int, int]:
    """Where the data begin in their file, and bytes to skip after decompression."""
    try:
        lines = int(fields.get("line skip", fields.get("lineskip", "0")))
        skip = int(fields.get("byte skip", fields.get("byteskip", "0")))
    except ValueError as error:
        raise _damaged(path, f"{error}") from error
    if lines < 0 or skip < -1 or (skip == -1 and encoding != "raw"):
        raise _damaged(path, f"line skip {lines}, byte skip {skip}")
    if skip == -1 and data.is_file():  # the voxels are the last bytes of the file
        return max(0, data.stat().st_size - int(np.prod(shape)) * dtype.itemsize), 0
    if lines and data.is_file():
        with open(data, "rb") as file:
            file.seek(start)
            for _ in range(lines):
                file.readline()
            start = file.tell()
    return start, max(0, skip)


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"the header of {path.name} is damaged: {reason}", where=str(path), try_=COPY_AGAIN)
