"""Volumes written anew along other axes, losslessly: segmenters want the orientation that they were trained in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nibabel.orientations import aff2axcodes, apply_orientation, axcodes2ornt, inv_ornt_aff

from survembed.datasets.scan.grid import Volume
from survembed.errors import UsageError
from survembed.storage.nifti import write_nifti


def orientation_of(volume: Volume) -> str:
    """Where the axes of a volume, as stored, run to: `RAS`, `LPS`, …"""
    return "".join(str(code) for code in aff2axcodes(volume.stored_affine))


def require_orientation(codes: str, where: str) -> None:
    """Refuse what names no orientation: three letters, one of each of R/L, A/P, S/I.

    Raises
    ------
    UsageError
        When `codes` is anything else.
    """
    pairs = ("RL", "AP", "SI")
    if len(codes) != 3 or any(sum(letter in pair for letter in codes) != 1 for pair in pairs):
        raise UsageError(
            f"'{codes}' is no orientation",
            where=where,
            expected="three letters, one of each of R/L, A/P, S/I: where each axis runs to, such as RAS or LPS",
        )


def write_oriented(volume: Volume, path: Path, codes: str) -> None:
    """Write a volume with its axes along `codes`; stored numbers and scale stay as they are.

    Parameters
    ----------
    volume
        The volume, whatever its own orientation.
    path
        A .nii or .nii.gz file.
    codes
        Where each stored axis of `path` shall run to: `RAS`, `LPS`, …

    Raises
    ------
    DataError
        When the voxels of `volume` cannot be read.
    """
    require_orientation(codes, str(path))
    target = axcodes2ornt(codes)
    turn = np.empty((3, 2))  # from canonical axes to those of the file: the inverse of what takes the file to RAS
    for axis, (canonical, direction) in enumerate(target):
        turn[int(canonical)] = axis, direction
    stored = apply_orientation(volume.read(), turn)
    affine = volume.affine @ inv_ornt_aff(turn, volume.shape)
    write_nifti(path, stored, affine, volume.slope, volume.intercept)
