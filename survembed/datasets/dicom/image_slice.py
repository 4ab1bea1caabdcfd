"""One slice of a CT, MR or PET series: its header, and its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.dicom.parsing import parsing
from survembed.datasets.dicom.pet_header import PetHeader, read_pet_header
from survembed.datasets.scan.grid import Float
from survembed.errors import DataError

REQUIRED = ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient")
ACQUISITION = (
    *("AcquisitionNumber", "AcquisitionTime", "ContentTime", "TemporalPositionIdentifier"),
    *("ContrastBolusAgent", "ConvolutionKernel", "SliceThickness", "EchoTime", "InversionTime", "FlipAngle"),
    *("DiffusionBValue", "TriggerTime", "FrameReferenceTime"),
)
"""Elements that tell phases, echoes and reconstructions apart and cannot identify a patient."""
MULTI_FRAME = {
    **dict.fromkeys(("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.4.1"), "an enhanced (multi-frame)"),
    "1.2.840.10008.5.1.4.1.1.130": "an enhanced (multi-frame)",
    "1.2.840.10008.5.1.4.1.1.4.3": "an enhanced (multi-frame) colour",
    **dict.fromkeys(("1.2.840.10008.5.1.4.1.1.2.2", "1.2.840.10008.5.1.4.1.1.4.4"), "a legacy-converted enhanced"),
    "1.2.840.10008.5.1.4.1.1.128.1": "a legacy-converted enhanced",
}
"""SOP classes of CT, MR and PET with many slices in a file, which have their own modules for positions and units."""


@dataclass(frozen=True)
class ImageSlice:
    """Header of a slice.

    Attributes
    ----------
    path
        The file.
    modality
        `CT`, `MR` or `PT`.
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
        Slope and intercept to Hounsfield units, or the units of the series; 1 and 0 without `has_rescale`.
    has_rescale
        Whether the header has both.
    acquisition
        Values of `ACQUISITION`, for messages; "" for a missing one.
    is_signed, bits
        Format of the stored pixels.
    pet
        What converts a PET to SUV; None for other modalities.
    """

    path: Path
    modality: str
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
    pet: PetHeader | None = None

    @property
    def description(self) -> str:
        """What it is, for messages."""
        return f"a {self.modality} slice"


def read_slice_header(path: Path) -> ImageSlice:
    """Read and check the header of a slice.

    Raises
    ------
    DataError
        If the file is damaged or has many slices, or position, direction, spacing or rescale are missing or invalid.
    """
    from pydicom import dcmread

    with parsing(path, "a DICOM slice"):
        header = dcmread(path, stop_before_pixels=True)
        modality = str(header.get("Modality") or "CT")
        kind = MULTI_FRAME.get(str(header.get("SOPClassUID", "")), _further_kind(header))
        if kind:
            raise DataError(
                f"{kind} {modality} image is not read",
                where=str(path),
                expected="one file for each slice",
                try_="export it as single slices (classic DICOM), or convert it to NIfTI"
                + (" with the values in SUV" if modality == "PT" else ""),
            )
        missing = [name for name in REQUIRED if not header.get(name)]
        if missing:
            raise DataError(
                f"a {modality} slice lacks {', '.join(missing)}",
                where=str(path),
                expected=f"single {modality} slices with their positions",
            )
        numbers = [*header.PixelSpacing, *header.ImageOrientationPatient, *header.ImagePositionPatient]
        values = np.array([float(number) for number in numbers])
        rescale = [header.get(name) for name in ("RescaleSlope", "RescaleIntercept")]
        has_rescale = all(value not in (None, "") for value in rescale)
        slope, intercept = map(float, rescale if has_rescale else (1, 0))
        scale = (slope, intercept)
        if len(values) != 11 or not np.isfinite([*values, *scale]).all() or scale[0] == 0:
            raise DataError(
                f"a {modality} slice has an invalid position, direction, spacing or rescale",
                where=str(path),
                expected="finite positions and directions, and a rescale slope other than 0",
            )
        return ImageSlice(
            path=path,
            modality=modality,
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
            pet=read_pet_header(header) if modality == "PT" else None,
        )


def read_pixels(image_slice: ImageSlice) -> NDArray[Any]:
    """(rows, columns) stored pixels.

    Raises
    ------
    DataError
        If the file is damaged, or its pixels have another shape than the header says.
    """
    from pydicom import dcmread

    with parsing(image_slice.path, image_slice.description):
        pixels = dcmread(image_slice.path).pixel_array
        if pixels.shape != image_slice.shape:
            raise DataError(
                f"{image_slice.description} of shape {pixels.shape}",
                where=str(image_slice.path),
                expected=f"{image_slice.shape}",
            )
        return np.asarray(pixels)


def _further_kind(header: Any) -> str | None:
    """What a file with many slices is, if its SOP class does not tell."""
    if "MOSAIC" in (header.get("ImageType") or ()):
        return "a mosaic"
    return "a multi-frame" if int(header.get("NumberOfFrames") or 1) > 1 else None
