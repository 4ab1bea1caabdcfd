"""Masks on another grid than their CT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from survembed.datasets.scan.case import Case
from survembed.datasets.volume.cube import make_cube
from survembed.errors import DataError
from survembed.storage.nifti import write_nifti
from tests.datasets.cases import PREPROCESSING, SPACING, affine_of, anatomy, write_case


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return write_case(tmp_path, *anatomy())


def test_mask_on_another_grid_is_resampled_with_a_warning(case: Case, tmp_path: Path) -> None:
    expected = make_cube(case, PREPROCESSING)
    labels = anatomy()[1]
    padded = np.pad(labels, ((3, 0), (0, 2), (1, 1)))  # the same voxels in a larger grid
    affine = affine_of()
    affine[:3, 3] -= affine[:3, :3] @ [3, 0, 1]
    write_nifti(case.mask, padded, affine)
    cube = make_cube(case, PREPROCESSING)
    np.testing.assert_array_equal(cube.image, expected.image)
    assert any("different grids" in warning for warning in cube.warnings)

    fine = labels.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    affine = affine_of(tuple(np.array(SPACING) / 2), tuple(np.array([-40.0, 20.0, 11.0]) - np.array(SPACING) / 4))
    write_nifti(case.mask, fine, affine)
    cube = make_cube(case, PREPROCESSING)
    assert cube.tumour_ml == pytest.approx(expected.tumour_ml)
    np.testing.assert_array_equal(cube.image, expected.image)


def test_a_ct_that_leaves_lesions_out_says_how_many(case: Case) -> None:
    assert case.ct is not None
    hu, labels = anatomy()
    write_nifti(case.ct, hu[:30], affine_of())
    (warning,) = (text for text in make_cube(case, PREPROCESSING).warnings if "different grids" in text)
    organ, lesions = ((part[:30]).sum() / part.sum() for part in (labels > 0, labels == 2))
    assert f"({organ:.0%} of the organ and {lesions:.0%} of its lesions inside the CT)" in warning


def test_mask_that_lies_elsewhere_is_refused(case: Case) -> None:
    write_nifti(case.mask, anatomy()[1], affine_of(origin=(400.0, 0.0, 0.0)))
    with pytest.raises(DataError, match="only 0% of the organ lies inside") as refused:
        make_cube(case, PREPROCESSING)
    assert "header lost" in str(refused.value.expected)
