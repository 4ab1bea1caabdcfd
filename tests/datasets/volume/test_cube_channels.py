"""Averages of the CT: inside the organ, clipped first, finite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from survembed.datasets.scan.case import Case
from survembed.datasets.scan.nifti import open_nifti
from survembed.datasets.volume.cube import make_cube
from survembed.errors import DataError
from survembed.storage.nifti import write_nifti
from tests.datasets.cases import LIMIT, PREPROCESSING, anatomy, write_case


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return write_case(tmp_path, *anatomy())


def test_hu_are_averaged_inside_the_organ_only(tmp_path: Path) -> None:
    _, labels = anatomy()
    hu = np.where(labels > 0, 50, -900).astype(np.int16)
    image = make_cube(write_case(tmp_path, hu, labels), PREPROCESSING).image[0]
    assert set(np.unique(image)) == {0, round(200 / 400 * 255)}


def test_clip_goes_before_the_average(tmp_path: Path) -> None:
    _, labels = anatomy()
    hu = np.full(labels.shape, 50, np.int16)
    hu[::2] = -3024  # padding of some scanners; unclipped it would pull every mean below the window
    image = make_cube(write_case(tmp_path, hu, labels), PREPROCESSING).image[0]
    inner = image[11:13, 11:13, 11:13]
    assert inner.mean() == pytest.approx(255 * 0.25, abs=15)


def test_nan_inside_the_organ_is_refused_and_outside_is_not(tmp_path: Path) -> None:
    hu, labels = anatomy()
    floats = hu.astype(np.float32)
    floats[labels == 0] = np.nan
    case = write_case(tmp_path, floats, labels)
    np.testing.assert_array_equal(
        make_cube(case, PREPROCESSING).image, make_cube(write_case(tmp_path, hu, labels, name="b"), PREPROCESSING).image
    )
    floats[tuple(np.argwhere(labels == 2)[0])] = np.nan
    with pytest.raises(DataError, match="NaN or infinity inside the organ"):
        make_cube(write_case(tmp_path, floats, labels), PREPROCESSING)


def test_real_ct_with_padding_is_clipped(test_data: Path, tmp_path: Path) -> None:
    ct = test_data / "ct" / "crlm" / "CRLM-CT-1004_0000.nii.gz"
    volume = open_nifti(ct, LIMIT)
    stored = volume.read()
    assert stored.min() < -1000
    labels = np.zeros(volume.shape, np.uint8)
    labels[5:100, 40:100, 20:50] = 1  # reaches from the body into the padding beside it
    write_nifti(tmp_path / "mask.nii.gz", labels, volume.affine)
    cube = make_cube(Case("a", ct, tmp_path / "mask.nii.gz"), replace(PREPROCESSING, fov_mm=(300.0, 300.0, 300.0)))
    inside = (np.clip(stored, -150, 250)[labels > 0].mean() + 150) / 400
    occupied = make_cube(
        Case("a", None, tmp_path / "mask.nii.gz"), replace(PREPROCESSING, fov_mm=(300.0, 300.0, 300.0))
    )
    weights = occupied.image[0] * (occupied.image[0] >= 128)
    assert np.average(cube.image[0], weights=weights) / 255 == pytest.approx(inside, abs=0.01)
