"""From the CT and mask of a subject to a cube of fixed size, by exact box overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.scan.case import Case, DicomFiles
from survembed.datasets.scan.files import open_volume
from survembed.datasets.scan.grid import Float, Volume
from survembed.datasets.volume.cube_channels import average_channels
from survembed.datasets.volume.field_of_view import WARN_OUTSIDE, share_outside
from survembed.datasets.volume.hounsfield import Extremes, air_hu, organ_hu, unusual_hu
from survembed.datasets.volume.hounsfield_cohort import Density
from survembed.datasets.volume.label_map import TUMOUR
from survembed.datasets.volume.mask_on_ct_grid import resample_to_ct
from survembed.datasets.volume.organ_mask import FURTHER, OrganMask, read_mask
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.datasets.volume.resample import fractions_to_bytes


@dataclass(frozen=True)
class Cube:
    """Preprocessed image of a subject.

    Attributes
    ----------
    image
        (C, x, y, z) uint8 in RAS order, 255 for 1, with the channels of `Preprocessing.channels`. A mask channel is the
        fraction of each voxel inside the mask. The CT channel is the mean over the organ in each voxel, clipped to the
        window, and 0 where the organ fills less than half of the voxel.
    affine
        (4, 4) float64 from voxel index to RAS mm; the axes are those of the scan, which may be oblique.
    organ_ml, tumour_ml, further_ml
        Volumes at full resolution.
    outside
        Share of the organ outside the cube.
    warnings
        Doubts about the files.
    density
        HU of organ and air; None without a CT, or if it is taken as HU unchecked.
    """

    image: NDArray[np.uint8]
    affine: Float
    organ_ml: float
    tumour_ml: float
    outside: float
    warnings: tuple[str, ...]
    further_ml: tuple[float, ...] = ()
    density: Density | None = None

    @property
    def organ_hu(self) -> float | None:
        """Median of the CT inside the organ, if known."""
        return None if self.density is None else self.density.organ

    def measures(self, preprocessing: Preprocessing) -> dict[str, float]:
        """Measurements by name: volumes in ml and the share of the organ outside the cube."""
        names = [f"{name}_ml" for name, _ in preprocessing.further_labels]
        further = dict(zip(names, self.further_ml, strict=True))
        return {"organ_ml": self.organ_ml, "tumour_ml": self.tumour_ml, **further, "organ_outside": self.outside}


def make_cube(case: Case, preprocessing: Preprocessing) -> Cube:
    """Read a case and average it into its cube. Only the part of the CT around the organ is kept in memory.

    Raises
    ------
    DataError
        If a file is invalid (see `open_volume`), the organ is empty or has NaN in the CT, less than half of it lies
        inside the CT, more than 5 % of it outside the cube, or the CT is not in Hounsfield units.
    """
    ct = open_ct(case, preprocessing.voxel_limit)
    mask = read_mask(case, preprocessing)
    if ct is not None:
        mask = resample_to_ct(mask, ct)
    fov_mm = mask.extent_mm if preprocessing.fov_mm is None else np.array(preprocessing.fov_mm)
    outside = share_outside(mask, fov_mm, case)
    warnings = mask.warnings + (ct.warnings if ct else ())
    if outside > WARN_OUTSIDE:
        warnings += (f"{outside:.1%} of the organ lies outside the cube",)
    scan = Extremes()
    stored = ct.read(mask.box, see=scan.see) if ct else None
    scale = (1.0, 0.0) if ct is None else _window_scale(ct, preprocessing.window)
    density = None
    if ct is not None and stored is not None and not preprocessing.assume_hu:
        median = organ_hu(ct, stored, mask.codes, scan, preprocessing.window, str(case.ct))
        density = Density(median, air_hu(ct, scan))
        warnings += unusual_hu(median, density.air, ct, scan)
    lesion_codes = tuple(range(TUMOUR, FURTHER + len(preprocessing.further_labels)))
    weights = mask.weights(preprocessing.size, fov_mm)
    intensity, organ, *lesions = average_channels(mask.codes, stored, scale, weights, lesion_codes, case)
    image = [fractions_to_bytes(lesion) for lesion in lesions]
    if ct is None or preprocessing.keep_organ:
        image.insert(0, fractions_to_bytes(organ))
    if ct is not None:
        mean_inside = np.divide(intensity, organ, out=np.zeros_like(organ), where=organ >= 0.5)
        image.insert(0, np.rint(np.clip(mean_inside, 0, 1) * 255).astype(np.uint8))
    affine = _cube_affine(mask, fov_mm, fov_mm / preprocessing.size)
    return Cube(np.stack(image), affine, mask.organ_ml, mask.tumour_ml, outside, warnings, mask.further_ml, density)


def open_ct(case: Case, voxel_limit: int) -> Volume | None:
    """Open the CT of a case and check its header (see `open_volume`, `open_series`); None if there is no CT."""
    if isinstance(case.ct, DicomFiles):
        from survembed.datasets.dicom.series import open_series

        return open_series(case.ct, voxel_limit)
    return open_volume(case.ct, voxel_limit) if case.ct else None


def _window_scale(ct: Volume, window: tuple[float, float]) -> tuple[float, float]:
    """Factor and summand from stored numbers to [0, 1] in the window."""
    width = window[1] - window[0]
    return ct.slope / width, (ct.intercept - window[0]) / width


def _cube_affine(mask: OrganMask, fov_mm: Float, spacing_mm: Float) -> Float:
    """(4, 4) from voxel index of the cube to RAS mm."""
    direction = mask.affine[:3, :3] / mask.spacing_mm
    corner = np.array([side.start for side in mask.box]) - 0.5
    first = corner * mask.spacing_mm + (mask.extent_mm - fov_mm) / 2 + spacing_mm / 2
    affine = np.eye(4)
    affine[:3, :3] = direction * spacing_mm
    affine[:3, 3] = mask.affine[:3, 3] + direction @ first
    return affine
