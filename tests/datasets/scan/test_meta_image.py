"""MetaImage: voxels and positions as ITK writes them, and what cannot be read."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

from survembed.datasets.scan.files import files_of, open_volume
from survembed.errors import DataError

LIMIT = 10**6
VOXELS = np.arange(2 * 3 * 4, dtype=np.float32).reshape(4, 3, 2)
HEADER = """ObjectType = Image
NDims = 3
BinaryData = True
BinaryDataByteOrderMSB = False
CompressedData = False
TransformMatrix = 1 0 0 0 0 1 0 -1 0
Offset = 10 20 30
CenterOfRotation = 0 0 0
AnatomicalOrientation = RAI
ElementSpacing = 2 3 4
DimSize = 2 3 4
ElementType = MET_FLOAT
ElementDataFile = LOCAL
"""
DATA = VOXELS.astype("<f4").tobytes()


def write(path: Path, header: str = HEADER, data: bytes = DATA) -> Path:
    path.write_bytes(header.encode() + data)
    return path


def stored(path: Path) -> np.ndarray:
    volume = open_volume(path, LIMIT)
    return np.concatenate([slab for _, slab in volume.slabs(slice(0, volume.stored_shape[2]))])


def test_voxels_and_positions(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mha")
    assert np.array_equal(stored(path), VOXELS)
    # the rows of the matrix are the directions of the axes: j runs to superior, k to anterior
    expected = [[-2, 0, 0, -10], [0, 0, 4, -20], [0, 3, 0, 30], [0, 0, 0, 1]]
    assert open_volume(path, LIMIT).stored_affine.tolist() == expected


def test_compressed(tmp_path: Path) -> None:
    header = HEADER.replace("CompressedData = False", "CompressedData = True")
    data = zlib.compress(DATA)
    assert np.array_equal(stored(write(tmp_path / "a.mha", header, data)), VOXELS)
    with pytest.raises(DataError, match="truncated"):
        stored(write(tmp_path / "a.mha", header, data[:-5]))
    with pytest.raises(DataError, match="damaged"):
        stored(write(tmp_path / "a.mha", header, data[:-1] + b"?"))


@pytest.mark.parametrize(("size", "before"), [("0", b""), ("5", b"12345"), ("-1", b"123")])
def test_voxels_in_a_file_of_their_own(tmp_path: Path, size: str, before: bytes) -> None:
    (tmp_path / "a.raw").write_bytes(before + VOXELS.astype(">f4").tobytes())
    header = HEADER.replace("MSB = False", "MSB = True").replace("LOCAL", "a.raw")
    path = tmp_path / "a.mhd"
    path.write_text(header.replace("NDims", f"HeaderSize = {size}\nNDims"))
    assert np.array_equal(stored(path), VOXELS)
    assert files_of(path) == (path, tmp_path / "a.raw")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("LOCAL", "../a.raw", "outside its folder"),
        ("LOCAL", "LIST", "several files"),
        ("LOCAL", "a%02d.raw 1 9 1", "several files"),
        ("LOCAL", "none.raw", "cannot read none.raw"),
        ("ElementDataFile = LOCAL\n", "", "no ElementDataFile"),
        ("DimSize = 2 3 4", "DimSize = 2 3", "2 axes"),
        ("DimSize = 2 3 4", "DimSize = 200 300 400", "declares 24,000,000 voxels"),
        ("DimSize = 2 3 4", "DimSize = 2 3 5", "truncated"),
        ("MET_FLOAT", "MET_FLOAT_ARRAY", "of type MET_FLOAT_ARRAY"),
        ("ElementType", "ElementNumberOfChannels = 3\nElementType", "3 number"),
        ("ElementType", "ElementToIntensityFunctionSlope = 2\nElementType", "scaled"),
        ("BinaryData = True", "BinaryData = False", "text"),
        ("ElementSpacing = 2 3 4\n", "", "ElementSpacing"),
        ("1 0 0 0 0 1 0 -1 0", "1 0 0 0", "damaged"),
        ("1 0 0 0 0 1 0 -1 0", "1 0 0 1 1 0 0 0 1", "right angles"),
    ],
)
def test_what_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_volume(write(tmp_path / "a.mha", HEADER.replace(old, new)), LIMIT)
