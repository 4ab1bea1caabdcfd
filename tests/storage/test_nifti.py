"""NIfTI files that survembed writes, read by nibabel."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import DTypeLike

from survembed.errors import DataError
from survembed.storage.nifti import nifti_bytes, write_nifti

AFFINE = np.array([[2.0, 0, 0, -5], [0, 3, 0, 7], [0, 0, 4, 1], [0, 0, 0, 1]])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nibabel_reads_the_same_values(tmp_path: Path, name: str, dtype: DTypeLike) -> None:
    voxels = np.random.default_rng(0).integers(0, 200, (4, 5, 6)).astype(dtype)
    write_nifti(tmp_path / name, voxels, AFFINE, slope=2.0, intercept=-3.0)
    image = nib.Nifti1Image.from_filename(tmp_path / name)
    np.testing.assert_array_equal(image.get_fdata(), voxels * 2.0 - 3)
    assert image.get_data_dtype() == dtype
    for form in (image.get_sform(coded=True), image.get_qform(coded=True)):
        np.testing.assert_allclose(form[0], AFFINE, atol=1e-5)
        assert form[1] == 1
    assert image.header.get_xyzt_units()[0] == "mm"


def test_bytes_are_those_of_the_plain_file(tmp_path: Path) -> None:
    voxels = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    write_nifti(tmp_path / "a.nii", voxels[:, ::-1], AFFINE)
    assert (tmp_path / "a.nii").read_bytes() == nifti_bytes(voxels[:, ::-1], AFFINE)


def test_failed_write_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot write a\.nii"):
        write_nifti(tmp_path / "file" / "a.nii", np.zeros((2, 2, 2), np.uint8), AFFINE)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
