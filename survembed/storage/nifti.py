"""Volumes as NIfTI files that any viewer puts in their place, in mm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from isal import igzip
from numpy.typing import NDArray

from survembed.storage.files import replacing

Float = NDArray[np.float64]

SCANNER = 1
"""Code of NIfTI-1 for coordinates of the scanner; both forms carry it, so that no viewer has to choose."""


def save_volume(path: Path, voxels: NDArray[Any], affine: Float) -> None:
    """Write voxels (x, y, z) of float32 or uint8, whole or not at all.

    Parameters
    ----------
    affine
        (4, 4) from voxel index to RAS mm, with axes at right angles.
    """
    with replacing(path) as temporary:
        nib.save(volume_image(voxels, affine), temporary)


def volume_image(voxels: NDArray[Any], affine: Float) -> nib.Nifti1Image:
    """The same, not yet written."""
    image = nib.Nifti1Image(voxels, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, SCANNER)
    image.set_qform(affine, SCANNER)
    return image


def write_nifti(path: Path, stored: NDArray[Any], affine: Float, slope: float = 1.0, intercept: float = 0.0) -> None:
    """Write stored numbers as they are, with their scale, as NIfTI-1; gzipped fast where the name ends in .gz."""
    header = nib.Nifti1Header()
    header.set_data_dtype(stored.dtype)
    header.set_data_shape(stored.shape)
    header.set_xyzt_units("mm")
    header.set_sform(affine, 1)
    header.set_qform(affine, 1)
    header.set_slope_inter(slope, intercept)
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    content = header.binaryblock + bytes(4) + stored.tobytes(order="F")
    if path.suffix == ".gz":
        content = igzip.compress(content, 1, mtime=0)
    path.write_bytes(content)
