"""One slice of a CT series: its header, and its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.dicom.parsing import parsing
from survembed.datasets.scan.grid import Float
from survembed.errors import DataError

REQUIRED = ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient")
ACQUISITION = (
    *("AcquisitionNumber", "AcquisitionTime", "ContentTime", "TemporalPositionIdentifier"),
    *("ContrastBolusAgent", "ConvolutionKernel", "SliceThickness"),
)
"""Elements that tell phases and reconstructions apart and cannot identify a patient."""


@dataclass(frozen=True)
class CTSlice:
    """Header of a CT slice.

    Attributes
    ----------
    path
        The file.
    uid, frame_of_reference
        SOP instance UID, and UID of the coordinate system; never stored or shown.
    shape
        Rows and columns.
    spacing_mm
        (2,) between rows and between columns.
    axes
        (2, 3) directions along a row and along a column, LPS.
    position
        (3,) centre of the first pixel in LPS mm.
    scale
        Slope and intercept to Hounsfield units; 1 and 0 without `has_rescale`.
    has_rescale
        Whether the header has both.
    acquisition
        Values of `ACQUISITION`, for messages; "" for a missing one.
    is_signed, bits
        Format of the stored pixels.
    """

    path: Path
    uid: str
    frame_of_reference: str
    shape: tuple[int, int]
    spacing_mm: Float
    axes: Float
    position: Float
    scale: tuple[float, float]
    has_rescale: bool
    acquisition: tuple[str, ...]
    is_signed: bool
    bits: int


def read_slice_header(path: Path) -> CTSlice:
    """Read and check the header of a slice.

    Raises
    ------
    DataError
        If the file is damaged, or position, direction, spacing or rescale are missing or invalid.
    """
    from pydicom import dcmread

    with parsing(path, "a CT slice"):
        header = dcmread(path, stop_before_pixels=True)
        missing = [name for name in REQUIRED if not header.get(name)]
        if missing:
            raise DataError(
                f"a CT slice lacks {', '.join(missing)}",
                where=str(path),
                expected="single CT slices with their positions",
                try_="export enhanced (multi-frame) CT as single slices" if "NumberOfFrames" in header else None,
            )
        numbers = [*header.PixelSpacing, *header.ImageOrientationPatient, *header.ImagePositionPatient]
        values = np.array([float(number) for number in numbers])
        rescale = [header.get(name) for name in ("RescaleSlope", "RescaleIntercept")]
        has_rescale = all(value not in (None, "") for value in rescale)
        slope, intercept = map(float, rescale if has_rescale else (1, 0))
        scale = (slope, intercept)
        if len(values) != 11 or not np.isfinite([*values, *scale]).all() or scale[0] == 0:
            raise DataError(
                "a CT slice has an invalid position, direction, spacing or rescale",
                where=str(path),
                expected="finite positions and directions, and a rescale slope other than 0",
            )
        return CTSlice(
            path=path,
            uid=str(header.get("SOPInstanceUID", "")),
            frame_of_reference=str(header.get("FrameOfReferenceUID", "")),
            shape=(int(header.Rows), int(header.Columns)),
            spacing_mm=values[:2],
            axes=values[2:8].reshape(2, 3),
            position=values[8:],
            scale=scale,
            has_rescale=has_rescale,
            acquisition=tuple(str(header.get(name) or "").strip() for name in ACQUISITION),
            is_signed=bool(header.get("PixelRepresentation", 0)),
            bits=int(header.get("BitsStored", 16)),
        )


def read_pixels(ct_slice: CTSlice) -> NDArray[Any]:
    """(rows, columns) stored pixels.

    Raises
    ------
    DataError
        If the file is damaged, or its pixels have another shape than the header says.
    """
    from pydicom import dcmread

    with parsing(ct_slice.path, "a CT slice"):
        pixels = dcmread(ct_slice.path).pixel_array
        if pixels.shape != ct_slice.shape:
            raise DataError(
                f"a CT slice of shape {pixels.shape}", where=str(ct_slice.path), expected=f"{ct_slice.shape}"
            )
        return np.asarray(pixels)
