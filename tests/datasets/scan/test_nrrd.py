"""NRRD: the voxels and positions that a header declares, in every form, and what cannot be read."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import numpy as np
import pytest

from survembed.datasets.scan.files import files_of, open_volume
from survembed.datasets.scan.nrrd import open_nrrd
from survembed.errors import DataError

LIMIT = 10**7
VOXELS = np.arange(2 * 3 * 4, dtype=np.int16).reshape(4, 3, 2)  # (k, j, i), as they are stored
HEADER = """NRRD0004
# a comment
type: short
dimension: 3
space: left-posterior-superior
sizes: 2 3 4
space directions: (2,0,0) (0,0,3) (0,-4,0)
kinds: domain domain domain
endian: little
encoding: raw
space origin: (10,20,30)
a key:=a value: with a colon
"""


def write(path: Path, header: str = HEADER, data: bytes | None = None) -> Path:
    path.write_bytes(header.encode() + b"\n" + (VOXELS.astype("<i2").tobytes() if data is None else data))
    return path


def stored(path: Path) -> np.ndarray:
    volume = open_volume(path, LIMIT)
    return np.concatenate([slab for _, slab in volume.slabs(slice(0, volume.stored_shape[2]))])


def test_voxels_and_positions(tmp_path: Path) -> None:
    volume = open_nrrd(write(tmp_path / "a.nrrd"), LIMIT)
    assert np.array_equal(stored(tmp_path / "a.nrrd"), VOXELS)
    expected = [[-2, 0, 0, -10], [0, 0, 4, -20], [0, 3, 0, 30], [0, 0, 0, 1]]
    assert volume.stored_affine.tolist() == expected
    assert volume.shape == (2, 4, 3)


@pytest.mark.parametrize("space", ["right-anterior-superior", "RAS", "left-anterior-superior", "LPS"])
def test_spaces(tmp_path: Path, space: str) -> None:
    header = HEADER.replace("left-posterior-superior", space)
    origin = open_nrrd(write(tmp_path / "a.nrrd", header), LIMIT).stored_affine[:3, 3].tolist()
    assert origin == {"r": [10, 20, 30], "l": [-10, 20, 30]}[space[0].lower()] or origin == [-10, -20, 30]


@pytest.mark.parametrize("encoding", ["gzip", "gz", "bzip2", "bz2"])
def test_compressed(tmp_path: Path, encoding: str) -> None:
    compress = gzip.compress if encoding.startswith("g") else bz2.compress
    data = compress(b"skip!" + VOXELS.astype(">i2").tobytes())
    header = HEADER.replace("raw", encoding).replace("little", "big") + "byte skip: 5\n"
    assert np.array_equal(stored(write(tmp_path / "a.nrrd", header, data)), VOXELS)
    damaged = bytearray(data)
    damaged[-6] ^= 255
    with pytest.raises(DataError, match=r"damaged|truncated|cannot read"):
        stored(write(tmp_path / "a.nrrd", header, bytes(damaged)))
    with pytest.raises(DataError, match=r"truncated|damaged"):
        stored(write(tmp_path / "a.nrrd", header, data[:-9]))


@pytest.mark.parametrize(
    ("skip", "before"), [("byte skip: 7", b"1234567"), ("byte skip: -1", b"any"), ("line skip: 1", b"x\n")]
)
def test_voxels_in_a_file_of_their_own(tmp_path: Path, skip: str, before: bytes) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.raw").write_bytes(before + VOXELS.astype("<i2").tobytes())
    path = write(tmp_path / "a.nhdr", f"{HEADER}{skip}\ndata file: sub/a.raw\n", b"")
    assert np.array_equal(stored(path), VOXELS)
    assert files_of(path) == (path, tmp_path / "sub" / "a.raw")


@pytest.mark.parametrize("name", ["../a.raw", "/etc/passwd", "sub/../../a.raw", "C:\\a.raw"])
def test_a_file_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "a.raw").write_bytes(VOXELS.tobytes())
    path = write(tmp_path / "study" / "a.nhdr", f"{HEADER}data file: {name}\n", b"")
    with pytest.raises(DataError, match="outside its folder"):
        open_nrrd(path, LIMIT)


def test_no_orientation_is_said(tmp_path: Path) -> None:
    lines = [line for line in HEADER.splitlines() if not line.startswith("space")]
    volume = open_nrrd(write(tmp_path / "a.nrrd", "\n".join([*lines, "spacings: 2 3 4", ""])), LIMIT)
    assert volume.spacing_mm.tolist() == [2, 3, 4]
    assert "no orientation" in volume.warnings[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("left-posterior-superior", "scanner-xyz", "space 'scanner-xyz'"),
        ("sizes: 2 3 4", "sizes: 2 3", "2 axes"),
        ("sizes: 2 3 4", "sizes: 3 2 3 4", "4 axes"),
        ("sizes: 2 3 4", "sizes: 2 3 x", "damaged"),
        ("sizes: 2 3 4", "sizes: 200 300 400", "declares 24,000,000 voxels"),
        ("sizes: 2 3 4", "sizes: 2 3 5", "truncated"),
        ("type: short", "type: block", "contains block"),
        ("encoding: raw", "encoding: ascii", "as ascii"),
        ("endian: little", "endian: middle", "endian"),
        ("(2,0,0)", "(2,0)", "damaged"),
        ("(2,0,0)", "(0,0,0)", "affine"),
        ("kinds:", 'space units: "cm" "cm" "cm"\nkinds:', "lengths in cm"),
        ("kinds:", "data file: LIST\nkinds:", "several files"),
        ("kinds:", "data file: a%03d.raw 1 9 1\nkinds:", "several files"),
        ("kinds:", "data file: none.raw\nkinds:", "cannot read none.raw"),
    ],
)
def test_what_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_nrrd(write(tmp_path / "a.nrrd", HEADER.replace(old, new)), LIMIT)


@pytest.mark.parametrize("name", ["brain1_image", "brain1_label", "breast1_image", "breast1_label"])
def test_real_files(test_data: Path, name: str) -> None:
    """Voxels and affine against a reading of the file without this package."""
    path = test_data / "nrrd" / f"{name}.nrrd"
    head, _, packed = path.read_bytes().partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line and line[0] != "#")
    sizes = [int(size) for size in fields["sizes"].split()]
    kind = {"short": "<i2", "int": "<i4"}[fields["type"]]
    voxels = np.frombuffer(gzip.decompress(packed), kind).reshape(sizes[::-1])
    assert np.array_equal(stored(path), voxels)
    columns = [np.array(text.strip("()").split(","), float) for text in fields["space directions"].split()]
    lps = np.stack([*columns, np.array(fields["space origin"].strip("()").split(","), float)], axis=1)
    np.testing.assert_allclose(open_volume(path, 10**8).stored_affine[:3], lps * [[-1], [-1], [1]])
