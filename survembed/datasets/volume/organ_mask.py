"""The organ and tumour of a subject: read from masks or segments, and put on the grid of the CT."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.scan.case import Case, DicomFiles
from survembed.datasets.scan.grid import Box, Float, LabelEncoder, Shape, Volume, corner_distance_mm
from survembed.datasets.scan.nifti import open_nifti
from survembed.datasets.volume.averages import averages
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.datasets.volume.resample import Weights, overlap
from survembed.errors import DataError

ORGAN, TUMOUR, FURTHER = 1, 2, 3
MIN_OVERLAP = 0.5
"""Share of the organ that must lie inside a CT on another grid."""


@dataclass(frozen=True)
class OrganMask:
    """Organ and tumour of one subject, cut to the organ's bounding box.

    Attributes
    ----------
    codes
        (x, y, z) uint8 in RAS order, x fastest in memory: 0 outside, 1 organ, 2 tumour, from 3 on what a recipe has
        further.
    box
        Where `codes` lies in its grid.
    shape, affine, spacing_mm
        Of that grid, in RAS order.
    organ_ml, tumour_ml, further_ml
        Volumes at full resolution; the organ includes its tumour and what is further.
    warnings
        What was doubtful.
    """

    codes: NDArray[np.uint8]
    box: Box
    shape: Shape
    affine: Float
    spacing_mm: Float
    organ_ml: float
    tumour_ml: float
    warnings: tuple[str, ...]
    further_ml: tuple[float, ...] = ()

    @property
    def extent_mm(self) -> Float:
        """(3,) edge lengths of the bounding box."""
        return np.array(self.codes.shape) * self.spacing_mm

    def weights(self, size: tuple[int, int, int], fov_mm: Float) -> tuple[Weights, Weights, Weights]:
        """`overlap` along each axis with a grid of `size` in a field of view centred on the bounding box."""
        start = (self.extent_mm - fov_mm) / 2
        x, y, z = (
            overlap(
                self.codes.shape[a], float(self.spacing_mm[a]), float(start[a]), size[a], float(fov_mm[a] / size[a])
            )
            for a in range(3)
        )
        return x, y, z

    def outside(self, fov_mm: Float) -> float:
        """Share of the organ that a field of view, centred on its bounding box, leaves out."""
        if (self.extent_mm <= fov_mm).all():
            return 0.0
        inside = averages(self.codes, None, (0.0, 1.0), self.weights((1, 1, 1), fov_mm))[1].sum() * np.prod(fov_mm)
        voxels = np.count_nonzero(self.codes)
        return max(0.0, 1 - float(inside) / (voxels * float(np.prod(self.spacing_mm))))


def read_mask(case: Case, recipe: Preprocessing) -> OrganMask:
    """The organ and tumour of a case, on the grid of its mask.

    Raises
    ------
    DataError
        When a file is unsound, holds fractions, or the organ is empty. An empty tumour is valid.
    """
    if isinstance(case.mask, DicomFiles):
        return _read_segments(case, case.mask, recipe)
    volume = open_nifti(case.mask, recipe.voxel_limit)
    if case.tumours is None:
        further = tuple(labels for _, labels in recipe.further_labels)
        codes = volume.read(encode=_label_encoder(volume, recipe.organ_labels, (recipe.tumour_labels, *further)))
    else:
        codes = volume.read(encode=_label_encoder(volume))
    for path in case.tumours or ():
        lesion = open_nifti(path, recipe.voxel_limit)
        if not _same_grid(volume, lesion):
            raise DataError(
                f"{path.name} and {case.mask.name} stand on different grids",
                where=str(path),
                expected="masks of one subject on one grid",
                try_=f"resample {path.name} to the grid of {case.mask.name}",
            )
        codes[lesion.read(encode=_label_encoder(lesion)) > 0] = TUMOUR
    return _cut(codes, volume, case, len(recipe.further_labels))


def _read_segments(case: Case, mask: DicomFiles, recipe: Preprocessing) -> OrganMask:
    from survembed.datasets.dicom.segmentation import read_segments
    from survembed.datasets.dicom.series import open_series

    assert isinstance(case.ct, DicomFiles)
    series = open_series(case.ct, recipe.voxel_limit)
    codes = read_segments(mask, series, recipe.organ_segments, recipe.tumour_segments)
    return _cut(codes, series, case, len(recipe.further_labels))


def _label_encoder(
    volume: Volume, organ: tuple[int, ...] = (), lesions: tuple[tuple[int, ...], ...] = ()
) -> LabelEncoder:
    """What turns stored labels into the codes of `OrganMask`; `lesions` are the labels of code 2, 3, …"""
    plain = volume.dtype.kind in "iu" and (volume.slope, volume.intercept) == (1.0, 0.0)

    def among(values: NDArray[Any], labels: tuple[int, ...]) -> NDArray[np.bool_]:
        return reduce(np.logical_or, [values == label for label in labels])

    def encode(stored: NDArray[Any]) -> NDArray[np.uint8]:
        values = stored
        if not plain:
            scaled = stored.astype(np.float64) * volume.slope + volume.intercept
            values = np.rint(scaled)
            if not (np.abs(scaled - values) <= 1e-3).all():
                raise DataError(
                    f"{volume.name} holds fractions or NaN",
                    where=str(volume.path),
                    expected="whole numbers, one for each label",
                    try_="resample masks with nearest-neighbour interpolation",
                )
        codes = (among(values, organ) if organ else values > 0).view(np.uint8)
        for code, labels in enumerate(lesions, start=TUMOUR):
            if labels:
                codes[among(values, labels)] = code
        return codes

    return encode


def _cut(codes: NDArray[np.uint8], volume: Volume, case: Case, n_further: int) -> OrganMask:
    """Cut codes to the organ."""
    planes = np.bitwise_or.reduce(codes, axis=2) > 0
    spans = [np.flatnonzero(planes.any(axis=1)), np.flatnonzero(planes.any(axis=0))]
    spans.append(np.flatnonzero(codes.reshape(-1, codes.shape[2], order="F").any(axis=0)))
    if not len(spans[0]):
        raise DataError(
            f"{case.mask.name} holds no organ: the mask is empty",
            where=str(case.mask),
            expected="at least one voxel with a label of the organ",
            try_="check the mask, or --set data.organ_labels=…",
        )
    x, y, z = (slice(int(span[0]), int(span[-1]) + 1) for span in spans)
    warnings = volume.warnings
    if any(span[0] == 0 or span[-1] == count - 1 for span, count in zip(spans, codes.shape, strict=True)):
        warnings += (f"{case.mask.name}: the organ touches the edge of the scan and may be cut",)
    organ = np.asfortranarray(codes[x, y, z])
    if not (organ == ORGAN).any():
        warnings += (f"{case.mask.name}: lesions fill the whole organ: are the labels right?",)
    lesions_ml = [np.count_nonzero(organ == code) * volume.voxel_ml for code in range(TUMOUR, FURTHER + n_further)]
    return OrganMask(
        codes=organ,
        box=(x, y, z),
        shape=volume.shape,
        affine=volume.affine,
        spacing_mm=volume.spacing_mm,
        organ_ml=np.count_nonzero(organ) * volume.voxel_ml,
        tumour_ml=lesions_ml[0],
        warnings=warnings,
        further_ml=tuple(lesions_ml[1:]),
    )


def _same_grid(one: Volume, other: Volume | OrganMask) -> bool:
    """Whether corners coincide to a tenth of a voxel."""
    if one.shape != other.shape:
        return False
    return corner_distance_mm(one.affine, other.affine, one.shape) < 0.1 * float(one.spacing_mm.min())


def on_grid_of(ct: Volume, mask: OrganMask) -> OrganMask:
    """The mask on the grid of the CT: itself where the grids agree, else resampled by nearest voxel, with a warning.

    Volumes stay those measured on the mask's own grid.
    """
    from scipy.ndimage import affine_transform

    if _same_grid(ct, mask):
        return mask
    to_ct = np.linalg.inv(ct.affine) @ mask.affine
    offset = np.array([side.start for side in mask.box])
    occupied = np.argwhere(mask.codes > 0) + offset
    index = occupied @ to_ct[:3, :3].T + to_ct[:3, 3]
    inside = ((index > -0.5) & (index < np.array(ct.shape) - 0.5)).all(axis=1)
    if inside.mean() < MIN_OVERLAP:
        hint = "same number of voxels, other affine: was the header lost?" if ct.shape == mask.shape else None
        raise DataError(
            f"only {inside.mean():.0%} of the organ lies inside {ct.name}",
            where=str(ct.path),
            expected="a CT and a mask of one scan" + (f" ({hint})" if hint else ""),
            try_="copy the affine of the CT into the mask, if they were drawn on one another",
        )
    low = np.clip(np.floor(index[inside].min(axis=0) - np.abs(to_ct[:3, :3]).sum(axis=1)), 0, None).astype(int)
    high = np.ceil(index[inside].max(axis=0) + np.abs(to_ct[:3, :3]).sum(axis=1)).astype(int) + 1
    box = [slice(int(a), int(min(b, count))) for a, b, count in zip(low, high, ct.shape, strict=True)]
    from_ct = np.linalg.inv(to_ct)
    start = from_ct[:3, :3] @ np.array([side.start for side in box]) + from_ct[:3, 3] - offset
    shape = tuple(side.stop - side.start for side in box)
    codes = affine_transform(mask.codes, from_ct[:3, :3], start, shape, order=0, mode="grid-constant")
    spans = [np.flatnonzero((codes > 0).any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    if not len(spans[0]):
        raise DataError(
            f"the organ falls between the voxels of {ct.name}",
            where=str(ct.path),
            expected="a CT and a mask of one scan",
            try_="check the spacing of both",
        )
    cut = [slice(int(span[0]), int(span[-1]) + 1) for span in spans]
    x, y, z = (slice(side.start + part.start, side.start + part.stop) for side, part in zip(box, cut, strict=True))
    lesions = inside[mask.codes[mask.codes > 0] == TUMOUR]
    share = f"{inside.mean():.0%} of it" + (f", {lesions.mean():.0%} of its lesions" if lesions.size else "")
    warning = f"mask and CT stand on different grids: the mask was resampled ({share} inside)"
    return replace(
        mask,
        codes=np.asfortranarray(codes[tuple(cut)]),
        box=(x, y, z),
        shape=ct.shape,
        affine=ct.affine,
        spacing_mm=ct.spacing_mm,
        warnings=(*mask.warnings, warning),
    )
