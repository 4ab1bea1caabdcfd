"""Structures that are drawn on an image series: segments of a SEG, regions of an RTSTRUCT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.dicom.contours import Contour, draw_contours, read_contours
from survembed.datasets.dicom.image_slice import read_slice_header
from survembed.datasets.dicom.parsing import parsing
from survembed.datasets.dicom.segment_names import segment_name
from survembed.datasets.dicom.segmentation import DESCRIPTION, draw_file
from survembed.datasets.dicom.series import ImageSeries, open_series
from survembed.datasets.scan.case import DicomFiles
from survembed.errors import DataError


@dataclass(frozen=True)
class Structures:
    """Structures of one file that form one label.

    Attributes
    ----------
    modality
        SEG or RTSTRUCT.
    files
        The file.
    names
        Names of the segments or regions.
    series
        The image series that the file refers to, else those in its frame of reference.
    """

    modality: str
    files: DicomFiles
    names: tuple[str, ...]
    series: tuple[DicomFiles, ...]

    @property
    def name(self) -> str:
        """For messages."""
        return f"{', '.join(self.names)} of {self.modality}"

    def __str__(self) -> str:
        return str(self.files)


def read_structures(structures: Structures, voxel_limit: int) -> tuple[ImageSeries, NDArray[np.bool_]]:
    """The union of the structures on the grid of their series: the one with the smallest pixels, if several fit.

    Returns
    -------
    tuple
        The series, and (x, y, z) in RAS order.

    Raises
    ------
    DataError
        If a file is damaged, or no series has slices where the structures are drawn.
    """
    if not structures.series:
        raise DataError(
            f"{structures.name}: its image series is not there",
            where=str(structures),
            expected="the series on which it was drawn",
            try_="complete the download",
        )
    contours = read_contours(structures.files.files[0], structures.names) if structures.modality == "RTSTRUCT" else ()
    errors = []
    for files in sorted(structures.series, key=_pixel_area):
        series = open_series(files, voxel_limit)
        try:
            return series, np.asarray(series.to_ras(_drawn(structures, series, contours)))
        except DataError as error:
            errors.append(error)
    raise errors[0]


def _pixel_area(files: DicomFiles) -> float:
    return float(np.prod(read_slice_header(files.files[0]).spacing_mm))


def _drawn(structures: Structures, series: ImageSeries, contours: tuple[Contour, ...]) -> NDArray[np.bool_]:
    """The union (slice, row, column)."""
    path = structures.files.files[0]
    if structures.modality == "RTSTRUCT":
        return draw_contours(contours, series, path)
    columns, rows, count = series.stored_shape
    codes = np.zeros((count, rows, columns), np.uint8)
    with parsing(path, DESCRIPTION):
        draw_file(path, series, lambda item: int(segment_name(item) in structures.names), codes)
    return codes > 0
