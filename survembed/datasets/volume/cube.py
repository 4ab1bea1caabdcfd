"""From a subject's CT and mask to a cube of fixed size in mm, by exact box overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.scan.case import Case, DicomFiles
from survembed.datasets.scan.grid import Float, Volume
from survembed.datasets.scan.nifti import open_nifti
from survembed.datasets.volume.averages import averages
from survembed.datasets.volume.field_of_view import WARN_OUTSIDE, judge_outside
from survembed.datasets.volume.organ_mask import FURTHER, TUMOUR, OrganMask, on_grid_of, read_mask
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.datasets.volume.resample import to_bytes


@dataclass(frozen=True)
class Cube:
    """A subject as the model sees it.

    Attributes
    ----------
    image
        (C, x, y, z) uint8 in RAS order, 255 for 1, with the channels of `Preprocessing.channels`. A mask is the
        fraction of each voxel that it fills; the CT is the mean over the organ's part of each voxel, clipped to the
        window, and 0 where the organ fills less than half.
    affine
        (4, 4) float64 from voxel index to RAS mm; its axes are the scan's own, which may be oblique.
    organ_ml, tumour_ml, further_ml
        Volumes at full resolution.
    outside
        Share of the organ outside the cube.
    warnings
        What was doubtful.
    """

    image: NDArray[np.uint8]
    affine: Float
    organ_ml: float
    tumour_ml: float
    outside: float
    warnings: tuple[str, ...]
    further_ml: tuple[float, ...] = ()

    def measures(self, recipe: Preprocessing) -> dict[str, float]:
        """What is measured of a subject, by name: volumes in ml, and the share of the organ outside the cube."""
        further = {f"{name}_ml": ml for (name, _), ml in zip(recipe.further_labels, self.further_ml, strict=True)}
        return {"organ_ml": self.organ_ml, "tumour_ml": self.tumour_ml, **further, "organ_outside": self.outside}


def make_cube(case: Case, recipe: Preprocessing) -> Cube:
    """Read a case and average it into its cube: the mask first, then only the organ's part of the CT.

    Raises
    ------
    DataError
        When a file is unsound (see `open_nifti`), the organ is missing, has NaN in its CT, lies less than half
        inside the CT, or more than 5 % outside the cube.
    """
    ct = open_ct(case, recipe.voxel_limit)
    mask = read_mask(case, recipe)
    if ct is not None:
        mask = on_grid_of(ct, mask)
    fov = mask.extent_mm if recipe.fov_mm is None else np.array(recipe.fov_mm)
    outside = judge_outside(mask, fov, case)
    warnings = mask.warnings + (ct.warnings if ct else ())
    if outside > WARN_OUTSIDE:
        warnings += (f"{outside:.1%} of the organ lies outside the cube",)
    stored = ct.read(mask.box) if ct else None
    scale = (1.0, 0.0) if ct is None else _window_scale(ct, recipe.window)
    lesions = tuple(range(TUMOUR, FURTHER + len(recipe.further_labels)))
    intensity, organ, *others = averages(mask.codes, stored, scale, mask.weights(recipe.size, fov), lesions, case)
    image = [to_bytes(mask) for mask in others]
    if ct is None or recipe.keep_organ:
        image.insert(0, to_bytes(organ))
    if ct is not None:
        inside = np.divide(intensity, organ, out=np.zeros_like(organ), where=organ >= 0.5)
        image.insert(0, np.rint(np.clip(inside, 0, 1) * 255).astype(np.uint8))
    affine = _affine(mask, fov, fov / recipe.size)
    return Cube(np.stack(image), affine, mask.organ_ml, mask.tumour_ml, outside, warnings, mask.further_ml)


def open_ct(case: Case, voxel_limit: int) -> Volume | None:
    """The CT of a case, its header judged as by `open_nifti` and `open_series`; None where there is none."""
    if isinstance(case.ct, DicomFiles):
        from survembed.datasets.dicom.series import open_series

        return open_series(case.ct, voxel_limit)
    return open_nifti(case.ct, voxel_limit) if case.ct else None


def _window_scale(ct: Volume, window: tuple[float, float]) -> tuple[float, float]:
    """Factor and summand that take stored numbers to [0, 1] in the window."""
    width = window[1] - window[0]
    return ct.slope / width, (ct.intercept - window[0]) / width


def _affine(mask: OrganMask, fov: Float, cell: Float) -> Float:
    """From voxel index of the cube to RAS mm."""
    direction = mask.affine[:3, :3] / mask.spacing_mm
    corner = np.array([side.start for side in mask.box]) - 0.5
    first = corner * mask.spacing_mm + (mask.extent_mm - fov) / 2 + cell / 2
    affine = np.eye(4)
    affine[:3, :3] = direction * cell
    affine[:3, 3] = mask.affine[:3, 3] + direction @ first
    return affine
