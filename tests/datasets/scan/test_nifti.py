"""NIfTI files: formats, compression, damage, and only our own errors."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from survembed.datasets.scan.case import Case
from survembed.datasets.scan.nifti import open_nifti
from survembed.datasets.volume.cube import make_cube
from survembed.errors import DataError
from survembed.storage.nifti import write_nifti
from tests.datasets.cases import LIMIT, PREPROCESSING, affine_of, anatomy, is_made_or_refused, write_case


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return write_case(tmp_path, *anatomy())


def test_big_endian_file_is_read(case: Case, tmp_path: Path) -> None:
    assert case.ct is not None
    path = tmp_path / "big.nii"
    image = nib.load(case.ct)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), None, image.header.as_byteswapped(">")), path)
    assert open_nifti(path, LIMIT).dtype.byteorder == ">"
    np.testing.assert_array_equal(
        make_cube(replace(case, ct=path), PREPROCESSING).image, make_cube(case, PREPROCESSING).image
    )


def test_nifti_2_is_read(case: Case, tmp_path: Path) -> None:
    nib.save(nib.Nifti2Image(anatomy()[0], affine_of()), tmp_path / "two.nii.gz")
    other = replace(case, ct=tmp_path / "two.nii.gz")
    np.testing.assert_array_equal(make_cube(other, PREPROCESSING).image, make_cube(case, PREPROCESSING).image)


@pytest.mark.parametrize("keep", [0.05, 0.5, 0.999])
def test_truncated_gzip_is_refused(case: Case, keep: float) -> None:
    content = case.mask.read_bytes()
    case.mask.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(DataError, match="truncated"):
        make_cube(case, PREPROCESSING)


def test_broken_checksum_is_refused_even_outside_the_organ(case: Case) -> None:
    assert case.ct is not None
    content = bytearray(case.ct.read_bytes())
    content[-8] ^= 1  # the CRC stands in the last eight bytes
    case.ct.write_bytes(bytes(content))
    with pytest.raises(DataError, match="damaged"):
        make_cube(case, PREPROCESSING)


def test_checksum_is_reached_where_the_voxels_fill_their_buffer(tmp_path: Path) -> None:
    labels = np.zeros((32, 33, 341), np.uint8)  # with its 352 bytes of header a multiple of 8192
    labels[10:20, 10:20, 100:140] = 1
    path = tmp_path / "large.nii.gz"
    write_nifti(path, labels, affine_of((2.0, 2.0, 0.5)))
    content = bytearray(path.read_bytes())
    content[-8] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="damaged"):
        make_cube(Case("a", None, path), PREPROCESSING)


def test_gzip_of_several_members_is_read_whole(case: Case) -> None:
    expected = make_cube(case, PREPROCESSING)
    content = gzip.decompress(case.mask.read_bytes())
    cut = len(content) // 2
    case.mask.write_bytes(gzip.compress(content[:cut]) + gzip.compress(content[cut:]))
    np.testing.assert_array_equal(make_cube(case, PREPROCESSING).image, expected.image)


def test_name_does_not_decide_on_compression(case: Case, tmp_path: Path) -> None:
    expected = make_cube(case, PREPROCESSING)
    content = case.mask.read_bytes()
    case.mask.write_bytes(gzip.decompress(content))  # a plain file named .gz
    zipped = tmp_path / "zipped.nii"
    zipped.write_bytes(content)
    for mask in (case.mask, zipped):
        np.testing.assert_array_equal(make_cube(replace(case, mask=mask), PREPROCESSING).image, expected.image)


def test_truncated_plain_file_is_refused_from_its_size(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "plain.nii"
    path.write_bytes(gzip.decompress(case.mask.read_bytes())[:-1])
    with pytest.raises(DataError, match="truncated"):
        open_nifti(path, LIMIT)


def test_reading_equals_nibabel(test_data: Path) -> None:
    for path in (test_data / "ct" / "nnunet" / "imagesTr").iterdir():
        canonical = nib.as_closest_canonical(nib.load(path))
        volume = open_nifti(path, LIMIT)
        np.testing.assert_array_equal(volume.read(), np.asarray(canonical.dataobj))
        np.testing.assert_allclose(volume.affine, canonical.affine)
        box = (slice(3, 40), slice(10, 11), slice(60, 100))
        np.testing.assert_array_equal(volume.read(box), np.asarray(canonical.dataobj)[box])


@pytest.fixture(scope="module")
def valid_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("valid") / "a.nii"
    write_nifti(path, anatomy((10, 9, 8))[1], affine_of())
    return path.read_bytes()


def attempt(path: Path) -> None:
    assert is_made_or_refused(Case("a", None, path), replace(PREPROCESSING, voxel_limit=10**6))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_headers_raise_only_our_errors(tmp_path: Path, valid_bytes: bytes, data: st.DataObject) -> None:
    content = bytearray(valid_bytes)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.one_of(st.integers(40, 124), st.integers(252, 328), st.integers(0, 351)))
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path / "mutated.nii"
    path.write_bytes(bytes(content))
    attempt(path)


def test_a_signalling_nan_in_the_header_is_no_warning(tmp_path: Path, valid_bytes: bytes) -> None:
    content = bytearray(valid_bytes)
    content[275] = 127  # of qoffset_y
    path = tmp_path / "mutated.nii"
    path.write_bytes(bytes(content))
    attempt(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=900), zipped=st.booleans(), magic=st.booleans(), cut=st.integers(0, 40))
def test_random_bytes_raise_only_our_errors(
    tmp_path: Path, content: bytes, zipped: bool, magic: bool, cut: int
) -> None:
    if magic:
        content = content[:344].ljust(344, b"\1") + b"n+1\0" + content[344:]
    if zipped:
        content = gzip.compress(content)
        content = content[: max(2, len(content) - cut)]
    path = tmp_path / "random.nii.gz"
    path.write_bytes(content)
    attempt(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 10_000), value=st.integers(0, 255))
def test_damaged_gzip_raises_only_our_errors(tmp_path: Path, valid_bytes: bytes, at: int, value: int) -> None:
    content = bytearray(gzip.compress(valid_bytes))
    content[at % len(content)] = value
    path = tmp_path / "damaged.nii.gz"
    path.write_bytes(bytes(content))
    attempt(path)
