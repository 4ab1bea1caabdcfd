"""Orientation of volumes: three-letter codes, and lossless rewriting along other axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nibabel.orientations import aff2axcodes, apply_orientation, axcodes2ornt, inv_ornt_aff

from survembed.datasets.scan.grid import Volume
from survembed.errors import UsageError
from survembed.storage.nifti import write_nifti


def orientation_of(volume: Volume) -> str:
    """Directions of the stored axes of a volume, such as `RAS` or `LPS`."""
    return "".join(str(code) for code in aff2axcodes(volume.stored_affine))


def require_orientation(codes: str, where: str) -> None:
    """Refuse an invalid orientation.

    Raises
    ------
    UsageError
        If `codes` is not three letters, one each of R/L, A/P and S/I.
    """
    pairs = ("RL", "AP", "SI")
    if len(codes) != 3 or any(sum(letter in pair for letter in codes) != 1 for pair in pairs):
        raise UsageError(
            f"'{codes}' is not an orientation",
            where=where,
            expected="the direction of each axis as three letters, one each of R/L, A/P, S/I, such as RAS or LPS",
        )


def write_oriented(volume: Volume, path: Path, codes: str) -> None:
    """Write a volume with its axes along `codes`; stored numbers and their scale do not change.

    Parameters
    ----------
    path
        A .nii or .nii.gz file.
    codes
        Direction of each axis in the new file, such as `RAS`.

    Raises
    ------
    DataError
        If the voxels cannot be read, or the file cannot be written.
    """
    require_orientation(codes, str(path))
    from_ras = np.empty((3, 2))  # inverse of the orientation that nibabel computes from the file to RAS
    for axis, (ras_axis, direction) in enumerate(axcodes2ornt(codes)):
        from_ras[int(ras_axis)] = axis, direction
    stored = apply_orientation(volume.read(), from_ras)
    affine = volume.affine @ inv_ornt_aff(from_ras, volume.shape)
    write_nifti(path, stored, affine, volume.slope, volume.intercept)
