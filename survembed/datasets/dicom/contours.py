"""RTSTRUCT: closed contours in mm, filled on the slices of an image series."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.dicom.parsing import parsing
from survembed.datasets.dicom.segment_names import region_name
from survembed.datasets.dicom.series import ImageSeries
from survembed.datasets.scan.grid import Float
from survembed.errors import DataError

MAX_DISTANCE = 0.2
"""Largest distance of a contour from its slice, as a share of the distance of slices."""

Contour = tuple[int, Float]
"""Number of its region, and its corners (n, 3) in LPS mm."""


def read_contours(path: Path, names: Collection[str]) -> tuple[Contour, ...]:
    """The closed contours of the regions of these names.

    Raises
    ------
    DataError
        If the file is damaged, or a region has no closed contour.
    """
    from pydicom import dcmread

    with parsing(path, "an RTSTRUCT"):
        header = dcmread(path)
        wanted = {
            int(item.ROINumber): region_name(item)
            for item in header.StructureSetROISequence
            if region_name(item) in names
        }
        contours = tuple(
            (int(region.ReferencedROINumber), np.array(item.ContourData, dtype=np.float64).reshape(-1, 3))
            for region in header.get("ROIContourSequence") or ()
            if int(region.ReferencedROINumber) in wanted
            for item in region.get("ContourSequence") or ()
            if str(item.ContourGeometricType).startswith("CLOSED") and len(item.ContourData) >= 9
        )
        empty = set(wanted) - {number for number, _ in contours}
        if empty:
            raise DataError(
                f"region {', '.join(sorted(wanted[number] for number in empty))} of an RTSTRUCT has no closed contour",
                where=str(path),
                expected="contours on the slices",
                try_="draw it, or leave it out with --set data.labels=NAME=REGION",
            )
        return contours


def draw_contours(contours: Sequence[Contour], series: ImageSeries, path: Path) -> NDArray[np.bool_]:
    """Pixels (slice, row, column) whose centre is inside a region; a contour inside another one is a hole.

    Raises
    ------
    DataError
        If a contour lies in no slice, or reaches out of the image.
    """
    columns, rows, count = series.stored_shape
    to_index = np.linalg.inv(np.diag([-1.0, -1.0, 1.0, 1.0]) @ series.stored_affine)  # from LPS mm
    drawn = np.zeros((count, rows, columns), np.bool_)
    for number in dict.fromkeys(number for number, _ in contours):
        region = np.zeros_like(drawn)
        for points in (points for each, points in contours if each == number):
            index = points @ to_index[:3, :3].T + to_index[:3, 3]
            plane = int(np.rint(index[:, 2].mean()))
            if np.abs(index[:, 2] - plane).max() > MAX_DISTANCE or not 0 <= plane < count:
                raise DataError(
                    "a contour of an RTSTRUCT lies in no slice of its images",
                    where=str(path),
                    expected="contours drawn on the slices of this series",
                    try_="export the images on which it was drawn",
                )
            low, high = index[:, :2].min(axis=0), index[:, :2].max(axis=0)
            if (low < -1).any() or (high > np.array([columns, rows])).any():
                raise DataError(
                    "a contour of an RTSTRUCT reaches out of its images",
                    where=str(path),
                    expected="images that contain the region",
                    try_="export the images on which it was drawn",
                )
            _fill(region[plane], index[:, :2])
        drawn |= region
    return drawn


def _fill(pixels: NDArray[np.bool_], corners: Float) -> None:
    """Invert the pixels (row, column) whose centres are inside a polygon of corners (column, row)."""
    from matplotlib.path import Path as Polygon

    (x0, y0), (x1, y1) = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
    x = np.arange(max(x0, 0), min(x1 + 1, pixels.shape[1]))
    y = np.arange(max(y0, 0), min(y1 + 1, pixels.shape[0]))
    centres = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    inside: Any = Polygon(corners, closed=False).contains_points(centres)
    pixels[np.ix_(y, x)] ^= inside.reshape(len(y), len(x))
