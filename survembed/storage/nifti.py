"""Write volumes as NIfTI-1 files."""

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
"""NIfTI-1 code for scanner coordinates; sform and qform both carry it, so that all viewers agree."""


def write_nifti(path: Path, voxels: NDArray[Any], affine: Float, slope: float = 1.0, intercept: float = 0.0) -> None:
    """Write a volume atomically; gzipped if the name ends in `.gz`. See `nifti_bytes` for the parameters.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    content = nifti_bytes(voxels, affine, slope, intercept)
    with replacing(path) as temporary:
        temporary.write_bytes(igzip.compress(content, 1, mtime=0) if path.suffix == ".gz" else content)


def nifti_bytes(voxels: NDArray[Any], affine: Float, slope: float = 1.0, intercept: float = 0.0) -> bytes:
    """Content of an uncompressed NIfTI-1 file.

    Parameters
    ----------
    voxels
        (x, y, z) numbers as stored.
    affine
        (4, 4) from voxel index to RAS mm, with axes at right angles.
    slope, intercept
        Physical value = slope · stored value + intercept.
    """
    header = nib.Nifti1Header()
    header.set_data_dtype(voxels.dtype)
    header.set_data_shape(voxels.shape)
    header.set_xyzt_units("mm")
    header.set_sform(affine, SCANNER)
    header.set_qform(affine, SCANNER)
    header.set_slope_inter(slope, intercept)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    return bytes(header.binaryblock + bytes(4) + voxels.tobytes(order="F"))
