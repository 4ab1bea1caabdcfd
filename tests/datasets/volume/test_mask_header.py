"""Masks with a lost header are refused, unless the grid is declared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from survembed.datasets.scan.case import Case
from survembed.datasets.volume.cube import make_cube
from survembed.errors import DataError
from survembed.storage.nifti import write_nifti
from tests.datasets.cases import PREPROCESSING, SPACING, affine_of, anatomy, write_case, write_cohort
from tests.datasets.checking import checked
from tests.datasets.preparing import liver, prepared

LPS = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0])
LPS[:3, 3] = (60.0, 70.0, -30.0)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return write_case(tmp_path, *anatomy(), LPS)


LOST = {
    "identity": np.eye(4),
    "identity of SimpleITK": np.diag([-1.0, -1.0, 1.0, 1.0]),
    "only the spacing": np.diag([*SPACING, 1.0]),
    "spacing of SimpleITK, no origin": np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0]),
    "other directions": affine_of(SPACING, (-20.0, -30.0, -30.0)),
    "other spacing": affine_of((1.0, 1.0, 1.0), (10.0, 20.0, -30.0)),
}


@pytest.mark.parametrize("name", LOST)
def test_lost_headers_are_refused_and_can_be_declared(case: Case, name: str) -> None:
    expected = make_cube(case, PREPROCESSING)
    write_nifti(case.mask, anatomy()[1], LOST[name])
    with pytest.raises(DataError, match=r"the header of a.nii.gz seems lost: it has 50 × 44 × 34 voxels") as refused:
        make_cube(case, PREPROCESSING)
    assert "data.mask_grid=ct" in str(refused.value.try_)
    cube = make_cube(case, replace(PREPROCESSING, mask_grid="ct"))
    np.testing.assert_array_equal(cube.image, expected.image)
    assert cube.organ_ml == pytest.approx(expected.organ_ml)
    assert any("grid of the CT is used, as declared" in warning for warning in cube.warnings)


def test_masks_of_lesions_are_checked_too(case: Case, tmp_path: Path) -> None:
    labels = anatomy()[1]
    write_nifti(tmp_path / "liver.nii.gz", (labels > 0).astype(np.uint8), LPS)
    write_nifti(tmp_path / "tumor.nii.gz", (labels == 2).astype(np.uint8), np.eye(4))
    apart = Case("a", case.ct, tmp_path / "liver.nii.gz", (tmp_path / "tumor.nii.gz",))
    with pytest.raises(DataError, match=r"header of tumor\.nii\.gz seems lost"):
        make_cube(apart, PREPROCESSING)
    assert (
        make_cube(apart, replace(PREPROCESSING, mask_grid="ct")).tumour_ml == make_cube(case, PREPROCESSING).tumour_ml
    )


def test_a_mask_of_another_shape_or_a_shifted_one_is_resampled(case: Case) -> None:
    write_nifti(case.mask, np.pad(anatomy()[1], 1), np.eye(4))
    with pytest.raises(DataError, match="has 52 × 46 × 36 voxels, its CT has 50 × 44 × 34"):
        make_cube(case, replace(PREPROCESSING, mask_grid="ct"))
    shifted = LPS.copy()
    shifted[0, 3] += 2 * SPACING[0]
    write_nifti(case.mask, anatomy()[1], shifted)
    assert any("different grids" in warning for warning in make_cube(case, PREPROCESSING).warnings)


def test_headers_can_be_trusted(case: Case) -> None:
    write_nifti(case.mask, anatomy()[1], LOST["only the spacing"])
    declared = replace(PREPROCESSING, mask_grid="header", assume_hu=True)
    assert any("different grids" in warning for warning in make_cube(case, declared).warnings)


def test_check_and_prepare_agree(tmp_path: Path) -> None:
    root = write_cohort(tmp_path / "study", n=3)
    write_nifti(root / "labelsTr" / "s2.nii.gz", anatomy((30, 28, 24), seed=2)[1], np.eye(4))
    found = checked(root)
    assert [case.problem is not None for case in found.cases] == [False, False, True]
    with pytest.raises(DataError, match=r"s2: the header of s2\.nii\.gz seems lost"):
        prepared(liver(root).build(), tmp_path / "out")
    with prepared(liver(root, mask_grid="ct").build(), tmp_path / "out") as cohort:
        expected = (anatomy((30, 28, 24), seed=2)[1] > 0).sum() * 0.08
        assert cohort.subjects.measures["organ_ml"][2] == pytest.approx(expected)
