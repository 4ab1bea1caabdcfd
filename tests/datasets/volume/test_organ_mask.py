"""Organ masks: labels, separate masks, empty masks and warnings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from survembed.datasets.scan.case import Case
from survembed.datasets.volume.cube import make_cube
from survembed.datasets.volume.organ_mask import read_mask
from survembed.errors import DataError
from survembed.storage.nifti import write_nifti
from tests.datasets.cases import PREPROCESSING, affine_of, anatomy, write_case


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return write_case(tmp_path, *anatomy())


def test_organ_is_the_union_of_its_labels_and_the_tumour(case: Case) -> None:
    every = read_mask(case, PREPROCESSING)
    named = read_mask(case, replace(PREPROCESSING, organ_labels=(1,), tumour_labels=(2,)))
    np.testing.assert_array_equal(every.codes, named.codes)
    assert read_mask(case, replace(PREPROCESSING, organ_labels=(1,), tumour_labels=(7,))).tumour_ml == 0


def test_float_labels_are_labels_and_fractions_are_refused(case: Case) -> None:
    labels = anatomy()[1].astype(np.float64)
    before = read_mask(case, PREPROCESSING)
    write_nifti(case.mask, labels, affine_of())
    np.testing.assert_array_equal(read_mask(case, PREPROCESSING).codes, before.codes)
    labels[3, 3, 3] = 0.4
    write_nifti(case.mask, labels, affine_of())
    with pytest.raises(DataError, match="fractions"):
        read_mask(case, PREPROCESSING)


def test_empty_organ_is_refused_and_empty_tumour_is_not(tmp_path: Path) -> None:
    hu, labels = anatomy()
    case = write_case(tmp_path, hu, np.minimum(labels, 1))
    assert make_cube(case, PREPROCESSING).tumour_ml == 0
    assert make_cube(case, PREPROCESSING).image[1].max() == 0
    with pytest.raises(DataError, match="contains no organ") as refused:
        make_cube(write_case(tmp_path, hu, np.zeros_like(labels)), PREPROCESSING)
    assert refused.value.try_


def test_lesions_that_fill_the_organ_are_noted(tmp_path: Path) -> None:
    hu, labels = anatomy()
    mask = read_mask(write_case(tmp_path, hu, np.where(labels > 0, 2, 0).astype(np.uint8)), PREPROCESSING)
    assert mask.tumour_ml == mask.organ_ml
    assert any("fill the whole organ" in warning for warning in mask.warnings)


def test_organ_at_the_edge_of_the_scan_is_noted(tmp_path: Path) -> None:
    hu, labels = anatomy()
    case = write_case(tmp_path, hu[:, :, 10:], labels[:, :, 10:])
    assert any("may be cut" in warning for warning in make_cube(case, PREPROCESSING).warnings)


def test_separate_masks_of_tumours_are_joined(case: Case, tmp_path: Path) -> None:
    labels = anatomy()[1]
    first, second = labels == 2, labels == 2
    first[25:], second[:25] = False, False
    paths = [tmp_path / f"{name}.nii.gz" for name in ("liver", "tumour1", "tumour2")]
    for path, values in zip(paths, (labels == 1, first, second), strict=True):
        write_nifti(path, values.astype(np.uint8) * 255, affine_of())
    apart = Case("a", case.ct, paths[0], (paths[1], paths[2]))
    np.testing.assert_array_equal(make_cube(apart, PREPROCESSING).image, make_cube(case, PREPROCESSING).image)
    write_nifti(paths[1], np.zeros((4, 4, 4), np.uint8), affine_of())
    with pytest.raises(DataError, match="different grids"):
        make_cube(apart, PREPROCESSING)
