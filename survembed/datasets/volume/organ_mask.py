"""Organ and tumour of a subject, read from masks, a label map or DICOM segments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.scan.case import Case, DicomFiles
from survembed.datasets.scan.grid import Box, Float, Shape, Volume, same_grid
from survembed.datasets.volume.cube_channels import average_channels
from survembed.datasets.volume.label_map import ORGAN, TUMOUR, any_label, read_label_map
from survembed.datasets.volume.mask_files import naming_warnings
from survembed.datasets.volume.mask_header import open_mask
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.datasets.volume.resample import Weights, overlap_weights
from survembed.errors import DataError

FURTHER = 3
"""Code of the first further structure in `OrganMask`."""


@dataclass(frozen=True)
class OrganMask:
    """Organ and tumour of one subject, cropped to the bounding box of the organ.

    Attributes
    ----------
    codes
        (x, y, z) uint8 in RAS order, x fastest in memory: 0 outside, 1 organ, 2 tumour, from 3 further structures.
    box
        Index ranges of `codes` in its grid.
    shape, affine, spacing_mm
        Of the whole grid, in RAS order.
    organ_ml, tumour_ml, further_ml
        Volumes at full resolution; the organ includes the tumour and the further structures.
    warnings
        Doubts about the mask.
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
        """`overlap_weights` along each axis for a grid of `size` voxels, centred on the bounding box."""
        start, target = (self.extent_mm - fov_mm) / 2, fov_mm / size
        x, y, z = (
            overlap_weights(count, float(self.spacing_mm[a]), float(start[a]), size[a], float(target[a]))
            for a, count in enumerate(self.codes.shape)
        )
        return x, y, z

    def outside(self, fov_mm: Float) -> float:
        """Share of the organ outside a field of view centred on the bounding box."""
        if (self.extent_mm <= fov_mm).all():
            return 0.0
        inside = average_channels(self.codes, None, (0.0, 1.0), self.weights((1, 1, 1), fov_mm))[1].sum()
        voxels = np.count_nonzero(self.codes)
        return max(0.0, 1 - float(inside * np.prod(fov_mm)) / (voxels * float(np.prod(self.spacing_mm))))


def read_mask(case: Case, preprocessing: Preprocessing) -> OrganMask:
    """Read organ and tumour of a case, on the grid of its mask.

    Raises
    ------
    DataError
        If a file is invalid, contains fractions or a label without a known meaning, its grid is refused (see
        `open_mask`), or the organ is empty. An empty tumour is valid.
    """
    n_further = len(preprocessing.further_labels)
    warnings = naming_warnings(case, preprocessing.mask_names)
    if isinstance(case.mask, DicomFiles):
        codes, volume = _read_segments(case, case.mask, preprocessing)
        return _crop_to_organ(codes, volume, case, n_further, warnings)
    volume = open_mask(case, case.mask, preprocessing)
    if case.tumours is None:
        return _crop_to_organ(read_label_map(volume, preprocessing), volume, case, n_further, warnings)
    labels: set[int] = set()
    codes = volume.read(encode=any_label(volume, labels))
    if len(labels) > 1:
        warnings += (f"{volume.name} contains labels {min(labels)} to {max(labels)}: all are taken as the organ",)
    for path in case.tumours:
        lesion = open_mask(case, path, preprocessing)
        if not same_grid(volume, lesion):
            raise DataError(
                f"{path.name} and {case.mask.name} are on different grids",
                where=str(path),
                expected="all masks of a subject on one grid",
                try_=f"resample {path.name} to the grid of {case.mask.name}",
            )
        codes[lesion.read(encode=any_label(lesion)) > 0] = TUMOUR
    return _crop_to_organ(codes, volume, case, n_further, warnings)


def _read_segments(case: Case, mask: DicomFiles, preprocessing: Preprocessing) -> tuple[NDArray[np.uint8], Volume]:
    from survembed.datasets.dicom.segmentation import read_segments
    from survembed.datasets.dicom.series import open_series

    assert isinstance(case.ct, DicomFiles)
    series = open_series(case.ct, preprocessing.voxel_limit)
    return read_segments(mask, series, preprocessing.organ_segments, preprocessing.tumour_segments), series


def _crop_to_organ(
    codes: NDArray[np.uint8], volume: Volume, case: Case, n_further: int, doubts: tuple[str, ...]
) -> OrganMask:
    in_plane = np.bitwise_or.reduce(codes, axis=2) > 0
    spans = [np.flatnonzero(in_plane.any(axis=1)), np.flatnonzero(in_plane.any(axis=0))]
    spans.append(np.flatnonzero(codes.reshape(-1, codes.shape[2], order="F").any(axis=0)))
    if not len(spans[0]):
        raise DataError(
            f"{case.mask.name} contains no organ: the mask is empty",
            where=str(case.mask),
            expected="at least one voxel with a label of the organ",
            try_="check the mask, or --set data.organ_labels=LABEL",
        )
    x, y, z = (slice(int(span[0]), int(span[-1]) + 1) for span in spans)
    warnings = volume.warnings + doubts
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
