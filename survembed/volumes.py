"""Volumes as NIfTI files that any viewer puts in their place, in mm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from survembed.storage import replacing
from survembed.subjects import Channel, CohortHeader

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


def centred_affine(header: CohortHeader) -> Float:
    """(4, 4) of a volume that belongs to nobody: isotropic in RAS, the origin in its middle."""
    if header.spacing_mm is None or len(header.shape) != 3:
        raise ValueError("these images have no place in space")
    affine = np.diag([*header.spacing_mm, 1.0])
    affine[:3, 3] = -np.array(header.spacing_mm) * (np.array(header.shape) - 1) / 2
    return affine


def physical(values: NDArray[np.float32], channel: Channel) -> NDArray[np.float32]:
    """Values of a channel, of which 0 and 1 are the ends of its window, in its own unit such as HU."""
    low, high = channel.window
    return (low + (high - low) * values).astype(np.float32)
