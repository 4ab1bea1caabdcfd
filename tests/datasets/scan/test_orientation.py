"""Turning a volume loses nothing: back again, the file holds the same numbers in the same places."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from survembed.datasets.scan.nifti import open_nifti
from survembed.datasets.scan.orientation import orientation_of, require_orientation, write_oriented
from survembed.errors import UsageError
from survembed.storage.nifti import write_nifti
from tests.datasets.cases import LIMIT, affine_of

ALL = ["".join(axes) for order in permutations(("RL", "AP", "SI")) for axes in product(*order)]


@pytest.mark.parametrize("codes", ALL)
def test_there_and_back(tmp_path: Path, codes: str) -> None:
    stored = np.random.default_rng(0).integers(-1000, 1000, (5, 6, 7)).astype(np.int16)
    write_nifti(tmp_path / "a.nii", stored, affine_of(), 0.5, -7.0)
    write_oriented(open_nifti(tmp_path / "a.nii", LIMIT), tmp_path / "b.nii.gz", codes)
    turned = open_nifti(tmp_path / "b.nii.gz", LIMIT)
    assert orientation_of(turned) == codes
    assert (turned.slope, turned.intercept, turned.dtype) == (0.5, -7.0, np.int16)
    canonical = nib.as_closest_canonical(nib.Nifti1Image.from_filename(tmp_path / "b.nii.gz"))
    np.testing.assert_array_equal(canonical.get_fdata(), stored * 0.5 - 7)
    np.testing.assert_allclose(canonical.affine, affine_of(), atol=1e-4)
    write_oriented(turned, tmp_path / "c.nii", "RAS")
    assert (tmp_path / "c.nii").read_bytes() == (tmp_path / "a.nii").read_bytes()


@pytest.mark.parametrize("codes", ["", "RA", "RASS", "RRS", "RAX", "ras", "RLA"])
def test_what_names_no_orientation(codes: str) -> None:
    with pytest.raises(UsageError, match="is not an orientation"):
        require_orientation(codes, "x")
