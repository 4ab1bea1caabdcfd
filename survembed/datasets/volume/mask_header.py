"""Masks whose header was lost: as many voxels as the CT, but another position, direction or spacing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from survembed.datasets.scan.case import Case
from survembed.datasets.scan.files import open_volume
from survembed.datasets.scan.grid import Float, Volume, format_mm, same_grid
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.errors import DataError


def open_mask(case: Case, path: Path, preprocessing: Preprocessing) -> Volume:
    """Open a mask and compare its grid with that of its CT.

    Raises
    ------
    DataError
        If the mask seems to have lost its header and `mask_grid` is not declared; or if `mask_grid` is `ct`
        and the numbers of voxels differ.
    """
    mask = open_volume(path, preprocessing.voxel_limit)
    if not isinstance(case.ct, Path) or preprocessing.mask_grid == "header":
        return mask
    ct = open_volume(case.ct, preprocessing.voxel_limit)
    if same_grid(ct, mask):
        return mask
    if preprocessing.mask_grid == "ct":
        if mask.stored_shape != ct.stored_shape:
            raise DataError(
                f"{mask.name} has {_by(mask.stored_shape)} voxels, its CT has {_by(ct.stored_shape)}",
                where=str(path),
                expected="as many voxels as the CT along each axis, for data.mask_grid=ct",
                try_="resample the mask to its CT, or --set data.mask_grid=header",
            )
        note = f"{mask.name}: the grid of the CT is used, as declared"
        return replace(mask, stored_affine=ct.stored_affine, warnings=(*mask.warnings, note))
    if _is_lost(mask, ct):
        raise _lost_header(mask, ct)
    return mask


def _is_lost(volume: Volume, other: Volume) -> bool:
    """Whether a volume has as many voxels as another, and a header that cannot be that of a scan on another grid.

    That is an origin of exactly 0, as software without orientations writes it; or, on equal axes, other directions or
    voxel sizes.
    """
    axes, expected = volume.stored_affine[:3, :3], other.stored_affine[:3, :3]
    if volume.stored_shape == other.stored_shape and np.abs(axes - expected).max() > 0.01 * other.spacing_mm.min():
        return True
    has_origin = volume.stored_affine[:3, 3].any() and not any("no orientation" in text for text in volume.warnings)
    return sorted(volume.shape) == sorted(other.shape) and not has_origin


def _lost_header(mask: Volume, ct: Volume) -> DataError:
    remedy = "copy the affine of the CT into the mask, if the mask was drawn on this CT"
    if mask.stored_shape == ct.stored_shape:
        remedy += ", or --set data.mask_grid=ct for all masks"
    return DataError(
        f"the header of {mask.name} seems lost: it has {_by(mask.stored_shape)} voxels like its CT, but "
        f"{_position(mask.stored_affine)} instead of {_position(ct.stored_affine)}",
        where=str(mask.path),
        expected="a mask on the grid of its CT, or with a position of its own",
        try_=f"{remedy}; --set data.mask_grid=header if both headers are right",
    )


def _position(affine: Float) -> str:
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    return f"voxels of {format_mm(lengths)} from ({', '.join(f'{at:g}' for at in affine[:3, 3])})"


def _by(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
