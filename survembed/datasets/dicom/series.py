"""DICOM series of CT: slices in the order of their positions, Hounsfield units by their rescale (extra `dicom`)."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.scan.case import DicomFiles
from survembed.datasets.scan.grid import Float, Volume, require_volume
from survembed.errors import DataError, PluginError

TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""DICOM counts to the left, the posterior and the superior."""
UNEVEN = 0.05
"""By which share of their median the steps between slices may differ, as positions are rounded."""
_QUIET = threading.RLock()
"""Filters of warnings belong to the whole process: one thread at a time may change and restore them."""
GEOMETRY = ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient")


@dataclass(frozen=True)
class Slice:
    """What the header of a CT slice says.

    Attributes
    ----------
    path
        Its file.
    uid, frame_of_reference
        SOP instance UID, and the UID of the space that positions refer to; never stored or shown.
    shape
        Rows and columns.
    spacing_mm
        (2,) between rows and between columns.
    axes
        (2, 3) directions along a row and along a column, LPS.
    position
        (3,) centre of the first pixel in LPS mm.
    scale
        Slope and intercept to Hounsfield units.
    signed, bits
        How pixels are stored.
    """

    path: Path
    uid: str
    frame_of_reference: str
    shape: tuple[int, int]
    spacing_mm: Float
    axes: Float
    position: Float
    scale: tuple[float, float]
    signed: bool
    bits: int


@dataclass(frozen=True)
class Series(Volume):
    """A CT series whose headers were read and found sound.

    Attributes
    ----------
    slices
        In the order of their positions along the normal of the slices.
    """

    slices: tuple[Slice, ...]

    @property
    def name(self) -> str:
        """What messages call it; names of files and folders are often identifiers."""
        return "the CT series"

    def slabs(self, planes: slice) -> Iterator[tuple[int, NDArray[Any]]]:
        """The slices among `planes`, one by one; of one scale, or else in Hounsfield units."""
        for index in range(planes.start, planes.stop):
            at = self.slices[index]
            pixels = _pixels(at)
            if (self.slope, self.intercept) != at.scale:
                pixels = pixels * np.float32(at.scale[0]) + np.float32(at.scale[1])
            yield index, pixels[None].astype(self.dtype, copy=False)


def require_pydicom() -> None:
    """Refuse to read DICOM where the extra is not installed.

    Raises
    ------
    PluginError
        When pydicom or highdicom cannot be imported.
    """
    try:
        import highdicom  # noqa: F401
        import pydicom  # noqa: F401
    except ImportError as error:
        raise PluginError(
            f"DICOM files are read by pydicom and highdicom: {error}",
            expected="survembed with its extra 'dicom'",
            try_="pip install 'survembed[dicom]'",
        ) from error


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turn whatever the parsers of others make of a damaged file into a `DataError`; their own warnings are dropped."""
    try:
        with _QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DataError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # the system's word, not that of a parser
            raise DataError(
                f"cannot read {what}: {error.strerror}",
                where=str(path),
                expected="a file that is there and may be read",
            ) from error
        if "missing dependencies" in str(error) or "unable to decompress" in str(error).lower():
            raise DataError(
                f"no decoder for the compressed pixels of {what}",
                where=str(path),
                try_="pip install pylibjpeg pylibjpeg-openjpeg pylibjpeg-libjpeg, or decompress them with dcmdjpeg",
            ) from error
        raise DataError(
            f"{what} is damaged: {type(error).__name__}", where=str(path), try_="download or export it again"
        ) from error


def open_series(files: DicomFiles, voxel_limit: int) -> Series:
    """Read the headers of a CT series and put its slices in order.

    Spacing comes from positions; the slice thickness says something else where slices overlap or leave gaps.

    Parameters
    ----------
    files
        One file a slice.
    voxel_limit
        A series that claims more voxels is refused.

    Raises
    ------
    DataError
        When a file is damaged, slices are fewer than two, differ in grid or frame of reference, share a position, are
        unevenly spaced (one is missing), or stand askew.
    PluginError
        When pydicom is not installed.
    """
    require_pydicom()
    slices = [_slice(path) for path in files.files]
    where = str(files)
    _require_one_grid(slices, where)
    first = slices[0]
    rows, columns = first.shape
    if rows * columns * len(slices) > voxel_limit:
        raise DataError(
            f"a CT series claims {rows * columns * len(slices):,} voxels",
            where=where,
            expected=f"at most {voxel_limit:,}",
            try_=f"--set data.voxel_limit={rows * columns * len(slices)} if that is meant",
        )
    normal = np.cross(*first.axes)
    slices.sort(key=lambda at: float(at.position @ normal))
    _require_even_steps(np.array([at.position @ normal for at in slices]), where)
    affine = _affine(slices)
    require_volume(affine, "the CT series", Path(where))
    scales = {at.scale for at in slices}
    narrow = all(at.bits < 16 or (at.signed and at.bits == 16) for at in slices)
    return Series(
        path=Path(where),
        stored_shape=(columns, rows, len(slices)),
        stored_affine=affine,
        dtype=np.dtype(np.float32 if len(scales) > 1 else np.int16 if narrow else np.int32),
        slope=first.scale[0] if len(scales) == 1 else 1.0,
        intercept=first.scale[1] if len(scales) == 1 else 0.0,
        warnings=(),
        slices=tuple(slices),
    )


def _slice(path: Path) -> Slice:
    from pydicom import dcmread

    with reading(path, "a CT slice"):
        header = dcmread(path, stop_before_pixels=True)
        missing = [name for name in (*GEOMETRY, "ImagePositionPatient") if not header.get(name)]
        if missing:
            raise DataError(
                f"a CT slice lacks {', '.join(missing)}",
                where=str(path),
                expected="single CT slices with their positions",
                try_="export enhanced (multi-frame) CT as single slices" if "NumberOfFrames" in header else None,
            )
        numbers = [*header.PixelSpacing, *header.ImageOrientationPatient, *header.ImagePositionPatient]
        values = np.array([float(number) for number in numbers])
        scale = (float(header.get("RescaleSlope", 1)), float(header.get("RescaleIntercept", 0)))
        if len(values) != 11 or not np.isfinite([*values, *scale]).all() or scale[0] == 0:
            raise DataError(
                "a CT slice has numbers that place or scale nothing",
                where=str(path),
                expected="finite positions and directions, and a rescale slope other than 0",
            )
        return Slice(
            path=path,
            uid=str(header.get("SOPInstanceUID", "")),
            frame_of_reference=str(header.get("FrameOfReferenceUID", "")),
            shape=(int(header.Rows), int(header.Columns)),
            spacing_mm=values[:2],
            axes=values[2:8].reshape(2, 3),
            position=values[8:],
            scale=scale,
            signed=bool(header.get("PixelRepresentation", 0)),
            bits=int(header.get("BitsStored", 16)),
        )


def _require_one_grid(slices: Sequence[Slice], where: str) -> None:
    if len(slices) < 2:
        raise DataError("a CT series of one slice", where=where, expected="two slices or more")
    first = slices[0]
    for at in slices:
        same = (
            at.shape == first.shape
            and at.frame_of_reference == first.frame_of_reference
            and np.allclose(at.spacing_mm, first.spacing_mm, rtol=1e-3)
            and np.allclose(at.axes, first.axes, atol=1e-3)
        )
        if not same:
            raise DataError(
                "a CT series mixes slices of different size, direction or frame of reference",
                where=str(at.path),
                expected="slices of one scan",
                try_="export the series again, without localizers and reformats",
            )


def _require_even_steps(along: Float, where: str) -> None:
    """Refuse slices that share a position, or leave one out; `along` is increasing, in mm."""
    steps = np.diff(along)
    usual = float(np.median(steps))
    if (steps < 0.01).any():
        raise DataError(
            f"a CT series has {int((steps < 0.01).sum())} slice(s) at the position of another",
            where=where,
            expected="one slice at each position",
            try_="keep one phase or one reconstruction in a series",
        )
    if (np.abs(steps - usual) > max(UNEVEN * usual, 0.02)).any():
        worst = int(np.abs(steps - usual).argmax())
        raise DataError(
            f"a CT series leaves a gap: {steps[worst]:g} mm after slice {worst + 1} of {len(along)}, {usual:g} mm else",
            where=where,
            expected="evenly spaced slices",
            try_="complete the download; are slices missing?",
        )


def _affine(slices: Sequence[Slice]) -> Float:
    """(4, 4) from column, row and slice index to RAS mm."""
    first, last = slices[0], slices[-1]
    affine = np.eye(4)
    affine[:3, 0] = first.axes[0] * first.spacing_mm[1]
    affine[:3, 1] = first.axes[1] * first.spacing_mm[0]
    affine[:3, 2] = (last.position - first.position) / (len(slices) - 1)
    affine[:3, 3] = first.position
    return TO_RAS @ affine


def _pixels(at: Slice) -> NDArray[Any]:
    from pydicom import dcmread

    with reading(at.path, "a CT slice"):
        pixels = dcmread(at.path).pixel_array
        if pixels.shape != at.shape:
            raise DataError(f"a CT slice of shape {pixels.shape}", where=str(at.path), expected=f"{at.shape}")
        return np.asarray(pixels)
