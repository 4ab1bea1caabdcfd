"""NIfTI headers: the affine that is used, and headers that are refused."""

from __future__ import annotations

import gzip
import tracemalloc
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from survembed.datasets.scan.case import Case
from survembed.datasets.scan.nifti import open_nifti
from survembed.datasets.volume.cube import make_cube
from survembed.datasets.volume.organ_mask import read_mask
from survembed.errors import DataError
from survembed.storage.nifti import write_nifti
from tests.datasets.cases import LIMIT, PREPROCESSING, SPACING, affine_of, anatomy, write_case


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return write_case(tmp_path, *anatomy())


def test_sheared_axes_are_refused(tmp_path: Path) -> None:
    affine = affine_of()
    affine[1, 2] = 0.5
    with pytest.raises(DataError, match="right angles") as refused:
        make_cube(write_case(tmp_path, *anatomy(), affine), PREPROCESSING)
    assert refused.value.try_


def test_identity_affine_gives_way_to_voxel_sizes(case: Case, tmp_path: Path) -> None:
    header = nib.Nifti1Header()
    header.set_data_dtype(np.uint8)
    labels = anatomy()[1]
    header.set_data_shape(labels.shape)
    header.set_zooms(SPACING)
    header.set_sform(np.eye(4), 1)
    header["qform_code"] = 0
    header["vox_offset"], header["magic"] = 352, b"n+1"
    path = tmp_path / "identity.nii"
    path.write_bytes(header.binaryblock + bytes(4) + labels.tobytes(order="F"))
    cube = make_cube(Case("a", None, path), PREPROCESSING)
    assert cube.tumour_ml == pytest.approx(make_cube(case, PREPROCESSING).tumour_ml)
    assert "identity" in cube.warnings[0]
    write_nifti(path, labels, np.eye(4))
    assert "a lost header" in make_cube(Case("a", None, path), PREPROCESSING).warnings[0]


def test_sform_and_qform_that_disagree(case: Case, tmp_path: Path) -> None:
    image = nib.load(case.mask)
    labels = np.asarray(image.dataobj)
    shifted = affine_of(origin=(300.0, 0.0, 0.0))
    image.header.set_qform(shifted, 1)
    path = tmp_path / "disagree.nii.gz"
    nib.save(nib.Nifti1Image(labels, None, image.header), path)
    cube = make_cube(Case("a", None, path), PREPROCESSING)
    assert "sform and qform differ" in cube.warnings[0]
    np.testing.assert_allclose(cube.affine, make_cube(replace(case, ct=None), PREPROCESSING).affine, atol=1e-4)
    header = image.header.copy()
    header.set_sform(affine_of((1.0, 1.0, 7.0)), 1)
    nib.save(nib.Nifti1Image(labels, None, header), path)
    with pytest.raises(DataError, match="two voxel sizes"):
        open_nifti(path, LIMIT)


def test_fourth_axis_of_one_is_let_pass_and_others_are_refused(case: Case) -> None:
    labels = anatomy()[1]
    expected = read_mask(case, PREPROCESSING).codes
    write_nifti(case.mask, labels[..., None], affine_of())
    np.testing.assert_array_equal(read_mask(case, PREPROCESSING).codes, expected)
    for wrong in (np.stack([labels, labels], axis=-1), labels[0]):
        write_nifti(case.mask, wrong, affine_of())
        with pytest.raises(DataError, match="axes"):
            read_mask(case, PREPROCESSING)


@pytest.mark.parametrize("factor", [0.001, 1000.0])
def test_lengths_in_metres_and_micrometres_are_refused(case: Case, factor: float) -> None:
    """Read as mm they would give organs of no volume, or of a whole country's, and cubes that hold nothing."""
    scaled = np.diag([factor, factor, factor, 1.0]) @ affine_of()
    write_nifti(case.mask, anatomy()[1], scaled)
    with pytest.raises(DataError, match=r"affine of .* is not valid") as refused:
        read_mask(case, PREPROCESSING)
    assert "in mm" in str(refused.value.try_)


def test_colours_are_refused(case: Case) -> None:
    assert case.ct is not None
    picture = np.zeros((50, 44, 34), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(picture, affine_of()), case.ct)
    with pytest.raises(DataError, match="contains colours"):
        make_cube(case, PREPROCESSING)


def test_too_many_voxels_are_refused_from_the_header(tmp_path: Path) -> None:
    header = nib.Nifti1Header()
    header.set_data_shape((20000, 20000, 20000))
    header["vox_offset"], header["magic"] = 352, b"n+1"
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(gzip.compress(header.binaryblock + bytes(2**26)))  # 64 kB that unpack to 64 MB
    tracemalloc.start()
    with pytest.raises(DataError, match="declares 8,000,000,000,000 voxels"):
        make_cube(Case("a", None, path), PREPROCESSING)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
