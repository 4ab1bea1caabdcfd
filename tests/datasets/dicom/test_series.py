"""CT series: slices sorted by position, spacing from positions, Hounsfield units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from survembed.datasets.dicom.series import open_series
from survembed.errors import DataError
from tests.datasets.dicoms import LIMIT, SPACING, STEP, generate_uid, pydicom, ras, series_of, stored, write_series


def test_slices_in_order_of_position_with_spacing_from_positions(tmp_path: Path) -> None:
    series = open_series(series_of(write_series(tmp_path, stored())[::-1]), LIMIT)
    assert series.shape == (24, 30, 10)
    np.testing.assert_allclose(series.spacing_mm, [SPACING[1], SPACING[0], STEP])
    np.testing.assert_array_equal(series.read(), ras(stored()))
    assert (series.slope, series.intercept) == (1.0, -1024.0)
    corner = series.affine @ [23, 29, 0, 1]  # the first stored pixel: rightmost, most anterior, lowest
    np.testing.assert_allclose(corner[:3], [50, 60, -70])
    box = (slice(3, 9), slice(5, 20), slice(2, 4))
    np.testing.assert_array_equal(series.read(box), ras(stored())[box])


@pytest.mark.parametrize("axes", [(1, 0, 0, 0, 0, -1), (0, 1, 0, 0, 0, -1), (0.8, 0.6, 0, -0.6, 0.8, 0)])
def test_other_planes_are_placed_as_their_headers_say(tmp_path: Path, axes: tuple[float, ...]) -> None:
    series = open_series(series_of(write_series(tmp_path, stored(), axes=axes)), LIMIT)
    k, row, column = 4, 11, 7
    normal = np.cross(axes[:3], axes[3:])
    lps = np.array([-50, -60, -70]) + k * STEP * normal
    lps = lps + column * SPACING[1] * np.array(axes[:3]) + row * SPACING[0] * np.array(axes[3:])
    volume = series.read()
    index = np.linalg.inv(series.affine) @ [*(lps * [-1, -1, 1]), 1]
    at = tuple(np.rint(index[:3]).astype(int))
    np.testing.assert_allclose(index[:3], at, atol=1e-3)
    assert volume[at] == stored()[k, row, column]


def test_each_slice_has_its_own_rescale(tmp_path: Path) -> None:
    changes = {3: {"RescaleSlope": 2, "RescaleIntercept": -2000}}
    series = open_series(series_of(write_series(tmp_path, stored(), changes=changes)), LIMIT)
    assert (series.slope, series.intercept) == (1.0, 0.0)
    hu = stored().astype(float) - 1024
    hu[3] = stored()[3] * 2.0 - 2000
    np.testing.assert_allclose(series.read(), ras(hu))
    assert series.warnings == ("slices differ in their rescale intercept: -2000, -1024",)


def bad_series() -> dict[str, tuple[dict[str, Any], str]]:
    even = [k * STEP for k in range(10)]
    return {
        "gap": ({"positions": [*even[:5], *(at + STEP for at in even[5:])]}, r"has a gap: 6 mm after slice 5 of 10"),
        "same position": ({"positions": [*even[:9], even[4]]}, "1 slice.s. at the position of another"),
        "mixed spacing": ({"changes": {2: {"PixelSpacing": [1.0, 1.0]}}}, "mixes slices"),
        "mixed direction": ({"changes": {2: {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}}}, "mixes slices"),
        "mixed space": ({"changes": {2: {"FrameOfReferenceUID": generate_uid()}}}, "mixes slices"),
        "some rescale": ({"changes": {2: {"RescaleIntercept": None}}}, "1 of 10 slices of a CT series have no rescale"),
        "no position": ({"changes": {2: {"ImagePositionPatient": None}}}, "lacks ImagePositionPatient"),
        "no direction": ({"ImageOrientationPatient": None}, "lacks ImageOrientationPatient"),
        "no spacing": ({"PixelSpacing": None}, "lacks PixelSpacing"),
        "spacing 0": ({"PixelSpacing": [0.0, 0.0]}, "affine of .* is not valid"),
        "slope 0": ({"RescaleSlope": 0}, "invalid position, direction, spacing or rescale"),
        "pixels cut": ({"changes": {5: {"PixelData": b"\0" * 64}}}, "damaged"),
        "no pixels": ({"changes": {5: {"PixelData": None}}}, "damaged"),
    }


@pytest.mark.parametrize("name", bad_series())
def test_bad_series_are_refused(tmp_path: Path, name: str) -> None:
    options, reason = bad_series()[name]
    files = series_of(write_series(tmp_path, stored(), **options))
    with pytest.raises(DataError, match=reason) as refused:
        open_series(files, LIMIT).read()
    assert refused.value.where
    assert refused.value.remedy


def test_copies_of_slices_are_left_out_with_a_note(tmp_path: Path) -> None:
    planes = stored()
    paths = write_series(tmp_path / "a", planes, FrameOfReferenceUID="1.2.3")
    copies = write_series(tmp_path / "b", planes, FrameOfReferenceUID="1.2.3")
    series = open_series(series_of([*paths, *copies[2:5]]), LIMIT)
    assert series.shape == (24, 30, 10)
    np.testing.assert_array_equal(series.read(), ras(planes))
    assert series.warnings == ("3 slice(s) with the pixels of another at their position are left out",)


@pytest.mark.parametrize(
    ("changes", "candidates"),
    [
        (({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}), "AcquisitionNumber 1 (10 slices), AcquisitionNumber 2"),
        (({"ContentTime": "101500"}, {"ContentTime": "101540"}), "ContentTime 101500 (10 slices), ContentTime 101540"),
        (({"ConvolutionKernel": "B30f"}, {"ConvolutionKernel": "B70f"}), "ConvolutionKernel B30f (10 slices)"),
        (({}, {}), "with other pixels"),
        (({}, {"RescaleIntercept": 0}), "with other pixels"),
    ],
)
def test_phases_at_one_position_are_refused_with_the_candidates(
    tmp_path: Path, changes: tuple[dict[str, Any], dict[str, Any]], candidates: str
) -> None:
    seeds = (0, 0) if "RescaleIntercept" in changes[1] else (0, 1)
    paths = [
        path
        for number, (seed, change) in enumerate(zip(seeds, changes, strict=True))
        for path in write_series(tmp_path / str(number), stored(seed), FrameOfReferenceUID="1.2.3", **change)
    ]
    with pytest.raises(DataError, match=r"10 slice\(s\) at the position of another") as refused:
        open_series(series_of(paths), LIMIT)
    assert candidates in refused.value.message


@pytest.mark.parametrize("missing", [{"RescaleIntercept": None}, {"RescaleSlope": "", "RescaleIntercept": ""}])
def test_a_missing_or_empty_rescale_is_said(tmp_path: Path, missing: dict[str, Any]) -> None:
    series = open_series(series_of(write_series(tmp_path, stored(), **missing)), LIMIT)
    assert (series.slope, series.intercept) == (1.0, 0.0)
    assert any("without a rescale" in warning for warning in series.warnings)


def test_tilted_gantry_and_single_slice_and_size_are_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "a", stored())
    for k, path in enumerate(paths):
        file = pydicom.dcmread(path)
        file.ImagePositionPatient = [-50, -60 + k, -70 + k * STEP]
        file.save_as(path)
    with pytest.raises(DataError, match="not at right angles"):
        open_series(series_of(paths), LIMIT)
    with pytest.raises(DataError, match="one slice"):
        open_series(series_of(paths[:1]), LIMIT)
    with pytest.raises(DataError, match="declares 7,200 voxels"):
        open_series(series_of(paths), 7_199)


def test_real_compressed_series(test_data: Path) -> None:
    files = series_of(sorted((test_data / "ct" / "dicom").iterdir()))
    series = open_series(files, LIMIT)
    assert series.shape == (512, 512, 20)
    np.testing.assert_allclose(series.spacing_mm, [0.976562, 0.976562, 2.0])  # slices say 3 mm thick, lie 2 apart
    hu = series.read((slice(0, 512), slice(0, 512), slice(9, 11))) * series.slope + series.intercept
    assert hu.min() == -1024
    assert 20 < np.median(hu[hu > -200]) < 80
