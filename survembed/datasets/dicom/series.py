"""CT, MR and PET series: slices sorted by position, rescaled to Hounsfield units or SUV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.dicom.image_slice import ACQUISITION, ImageSlice, read_pixels, read_slice_header
from survembed.datasets.dicom.parsing import require_pydicom
from survembed.datasets.dicom.suv import in_suv
from survembed.datasets.scan.case import DicomFiles
from survembed.datasets.scan.grid import Float, Volume, require_valid_affine
from survembed.errors import DataError

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""DICOM coordinates run to left, posterior, superior."""
SAME_POSITION_MM = 0.01
"""Slices closer than this are at one position."""
MAX_UNEVEN = 0.05
"""Largest deviation of a distance between slices from the median, as a share; positions are rounded in files."""


@dataclass(frozen=True)
class ImageSeries(Volume):
    """A series with valid headers.

    Attributes
    ----------
    slices
        Sorted by position along the normal of the slices.
    """

    slices: tuple[ImageSlice, ...]

    @property
    def name(self) -> str:
        """Name for messages, without file names, which are often identifiers of patients."""
        return f"the {self.slices[0].modality} series"

    def slabs(self, planes: slice) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield single slices; in the units of the series, if slices differ in their rescale."""
        for index in range(planes.start, planes.stop):
            image_slice = self.slices[index]
            pixels = read_pixels(image_slice)
            if (self.slope, self.intercept) != image_slice.scale:
                pixels = pixels * np.float32(image_slice.scale[0]) + np.float32(image_slice.scale[1])
            yield index, pixels[None].astype(self.dtype, copy=False)


def open_series(files: DicomFiles, voxel_limit: int, *, to_suv: bool = False) -> ImageSeries:
    """Read the headers of a series and sort its slices.

    The spacing is that of the positions; the slice thickness differs from it if slices overlap or have gaps.

    Parameters
    ----------
    files
        One file per slice.
    voxel_limit
        Largest number of voxels that the series may have.
    to_suv
        Convert a PET to SUV by body weight.

    Raises
    ------
    DataError
        If a file is damaged, or the series has fewer than two slices, slices of different grids or frames of reference,
        two different slices at one position, uneven distances (a missing slice), a rescale in some slices only, axes
        that are not at right angles, or no way to SUV.
    PluginError
        If pydicom is not installed.
    """
    require_pydicom()
    slices = [read_slice_header(path) for path in files.files]
    where = str(files)
    _require_same_grid(slices, where)
    first = slices[0]
    series = f"a {first.modality} series"
    rows, columns = first.shape
    n_voxels = rows * columns * len(slices)
    if n_voxels > voxel_limit:
        raise DataError(
            f"{series} declares {n_voxels:,} voxels",
            where=where,
            expected=f"at most {voxel_limit:,}",
            try_=f"--set data.voxel_limit={n_voxels} if the size is correct",
        )
    normal = np.cross(*first.axes)
    slices.sort(key=lambda each: float(each.position @ normal))
    slices, warnings = _without_copies(slices, normal, where)
    _require_even_distances(np.array([each.position @ normal for each in slices]), series, where)
    n_bare = sum(not each.has_rescale for each in slices)
    if 0 < n_bare < len(slices):
        raise DataError(
            f"{n_bare} of {len(slices)} slices of {series} have no rescale",
            where=where,
            expected="slope and intercept in every slice, or in none",
            try_="export the series again from the archive",
        )
    if n_bare and first.modality == "CT":
        warnings += ("slices without a rescale: stored numbers are taken as Hounsfield units",)
    affine = _series_affine(slices)
    require_valid_affine(affine, f"the {first.modality} series", Path(where))
    if to_suv:
        slices, notes = in_suv(slices, where)
        warnings += notes
    first, scales = slices[0], {each.scale for each in slices}
    if len(intercepts := {intercept for _, intercept in scales}) > 1:
        warnings += (f"slices differ in their rescale intercept: {', '.join(f'{at:g}' for at in sorted(intercepts))}",)
    fits_int16 = all(each.bits < 16 or (each.is_signed and each.bits == 16) for each in slices)
    return ImageSeries(
        path=Path(where),
        stored_shape=(columns, rows, len(slices)),
        stored_affine=affine,
        dtype=np.dtype(np.float32 if len(scales) > 1 else np.int16 if fits_int16 else np.int32),
        slope=first.scale[0] if len(scales) == 1 else 1.0,
        intercept=first.scale[1] if len(scales) == 1 else 0.0,
        warnings=warnings,
        slices=tuple(slices),
    )


def _require_same_grid(slices: Sequence[ImageSlice], where: str) -> None:
    if len(slices) < 2:
        raise DataError(f"a {slices[0].modality} series of one slice", where=where, expected="two slices or more")
    first = slices[0]
    for each in slices:
        is_same = (
            each.shape == first.shape
            and each.frame_of_reference == first.frame_of_reference
            and np.allclose(each.spacing_mm, first.spacing_mm, rtol=1e-3)
            and np.allclose(each.axes, first.axes, atol=1e-3)
        )
        if not is_same:
            raise DataError(
                f"a {slices[0].modality} series mixes slices of different size, direction or frame of reference",
                where=str(each.path),
                expected="slices of one scan",
                try_="export the series again, without localizers and reformats",
            )


def _without_copies(
    slices: Sequence[ImageSlice], normal: Float, where: str
) -> tuple[list[ImageSlice], tuple[str, ...]]:
    """The slices without copies at the same position, and a note; `slices` are sorted along `normal`.

    Raises
    ------
    DataError
        If slices at one position differ in their pixels or rescale, as those of two phases do.
    """
    kept: list[ImageSlice] = []
    n_differing = 0
    for each in slices:
        if not kept or abs(float((each.position - kept[-1].position) @ normal)) >= SAME_POSITION_MM:
            kept.append(each)
        elif each.scale != kept[-1].scale or not np.array_equal(read_pixels(each), read_pixels(kept[-1])):
            n_differing += 1
    if n_differing:
        raise DataError(
            f"a {slices[0].modality} series has {n_differing} slice(s) at the position of another with other pixels"
            f"{_candidates(slices)}",
            where=where,
            expected="one slice at each position",
            try_="keep the slices of one phase or one reconstruction in a folder of its own",
        )
    n_copies = len(slices) - len(kept)
    return kept, (f"{n_copies} slice(s) with the pixels of another at their position are left out",) if n_copies else ()


def _candidates(slices: Sequence[ImageSlice]) -> str:
    """Phases or reconstructions among slices, by the first element with a few values that each have several slices."""
    for name, values in zip(ACQUISITION, zip(*(each.acquisition for each in slices), strict=True), strict=True):
        counts = Counter(values)
        if 1 < len(counts) <= len(slices) / 2:
            return ": " + ", ".join(f"{name} {value or 'missing'} ({n} slices)" for value, n in sorted(counts.items()))
    return ""


def _require_even_distances(positions: Float, series: str, where: str) -> None:
    """Refuse missing slices; `positions` in mm are sorted."""
    steps = np.diff(positions)
    median = float(np.median(steps))
    if (np.abs(steps - median) > max(MAX_UNEVEN * median, 0.02)).any():
        worst = int(np.abs(steps - median).argmax())
        raise DataError(
            f"{series} has a gap: {steps[worst]:g} mm after slice {worst + 1} of {len(positions)}, elsewhere "
            f"{median:g} mm",
            where=where,
            expected="evenly spaced slices",
            try_="complete the download; are slices missing?",
        )


def _series_affine(slices: Sequence[ImageSlice]) -> Float:
    """(4, 4) from column, row and slice index to RAS mm."""
    first, last = slices[0], slices[-1]
    affine = np.eye(4)
    affine[:3, 0] = first.axes[0] * first.spacing_mm[1]
    affine[:3, 1] = first.axes[1] * first.spacing_mm[0]
    affine[:3, 2] = (last.position - first.position) / (len(slices) - 1)
    affine[:3, 3] = first.position
    return LPS_TO_RAS @ affine
