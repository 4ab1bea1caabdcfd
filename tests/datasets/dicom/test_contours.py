"""RTSTRUCT: contours against a brute-force count of corners, and against the published voxel masks of real tumours."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from survembed.datasets.dicom.contours import _fill
from survembed.datasets.dicom.structures import Structures, read_structures
from survembed.datasets.scan.case import DicomFiles
from survembed.errors import DataError
from tests.datasets.dicoms import LIMIT, SPACING, STEP, series_of, stored, write_rtstruct, write_series


def polygon(k: float, corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners (column, row) of a slice of `write_series` in LPS mm."""
    x, y = -50 + corners[:, 0] * SPACING[1], -60 + corners[:, 1] * SPACING[0]
    return np.stack([x, y, np.full(len(corners), -70 + k * STEP)], axis=1)


def circle(radius: float, n: int = 40, centre: tuple[float, float] = (11.3, 14.6)) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)], axis=1)


def drawn(path: Path, slices: list[Path], *names: str) -> NDArray[np.bool_]:
    """Pixels (slice, row, column)."""
    structures = Structures("RTSTRUCT", DicomFiles("RTSTRUCT", (path,)), names, (series_of(slices),))
    _, mask = read_structures(structures, LIMIT)
    return mask[::-1, ::-1].transpose(2, 1, 0)


def is_inside(x: float, y: float, corners: NDArray[np.float64]) -> bool:
    """By the number of edges to the right of the point."""
    count = 0
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            count += 1
    return count % 2 == 1


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), n=st.integers(3, 12))
def test_any_polygon_equals_a_count_of_its_edges(seed: int, n: int) -> None:
    """Also those that cross themselves, and that reach over the border."""
    corners = np.random.default_rng(seed).uniform(-2, 14, (n, 2))
    pixels = np.zeros((12, 13), np.bool_)
    _fill(pixels, corners)
    expected = [[is_inside(x, y, corners) for x in range(13)] for y in range(12)]
    assert np.array_equal(pixels, expected)


def test_a_ring_has_a_hole_and_regions_are_joined(tmp_path: Path) -> None:
    slices = write_series(tmp_path / "ct", stored())
    regions = {
        "GTV": [polygon(k, circle(radius)) for k in (3, 4) for radius in (9.0, 4.0)],
        "GTVn": [polygon(4, circle(3.0))],
        "Lung": [polygon(5, circle(5.0))],
    }
    path = write_rtstruct(tmp_path / "rs.dcm", slices, regions)
    ring = drawn(path, slices, "GTV")
    rows, columns = np.mgrid[:30, :24]
    distance = np.hypot(columns - 11.3, rows - 14.6)
    sure = (np.abs(distance - 9) > 0.1) & (np.abs(distance - 4) > 0.1)
    assert np.array_equal(ring[3][sure], ((distance < 9) & (distance > 4))[sure])
    assert not ring[[0, 1, 2, 5, 6, 7, 8, 9]].any()
    both = drawn(path, slices, "GTV", "GTVn")
    assert both[4][distance < 2.9].all()
    assert not both[3][distance < 2.9].any()


@pytest.mark.parametrize(
    ("contour", "reason"),
    [
        (polygon(3.5, circle(5)), "lies in no slice"),
        (polygon(30, circle(5)), "lies in no slice"),
        (polygon(3, circle(5, centre=(140.0, 14.0))), "reaches out of its images"),
        (polygon(3, circle(5))[:2], "has no closed contour"),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path: Path, contour: NDArray[np.float64], reason: str) -> None:
    slices = write_series(tmp_path / "ct", stored())
    path = write_rtstruct(tmp_path / "rs.dcm", slices, {"GTV": [contour]})
    with pytest.raises(DataError, match=reason) as refused:
        drawn(path, slices, "GTV")
    assert refused.value.try_


@pytest.mark.parametrize("subject", ["STS_002", "STS_003"])
@pytest.mark.parametrize("folder", ["CT", "PET", "MR_T1"])
def test_real_contours_equal_the_voxel_masks(test_data: Path, subject: str, folder: str) -> None:
    study = test_data / "petct" / subject / folder
    path = study / "dicom" / "mask" / "RS.dcm"
    slices = sorted((study / "dicom" / "image").glob("*.dcm"))
    structures = Structures("RTSTRUCT", DicomFiles("RS", (path,)), (f"GTV_Mass_{folder}",), (series_of(slices),))
    series, mask = read_structures(structures, 10**8)
    image = nib.as_closest_canonical(nib.load(study / "nifti" / "mask" / "mask.nii.gz"))
    assert isinstance(image, nib.Nifti1Image)
    expected = np.asarray(image.dataobj) > 0
    assert np.abs(series.affine - image.affine).max() < 0.01
    assert 2 * (mask & expected).sum() / (mask.sum() + expected.sum()) >= 0.97
    assert abs(mask.sum() / expected.sum() - 1) < 0.02
