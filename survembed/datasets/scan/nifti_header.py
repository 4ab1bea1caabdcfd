"""Checks of a NIfTI header before any voxel is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, cast

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from survembed.datasets.scan.grid import Float, Shape, corner_distance_mm, format_mm, require_valid_affine
from survembed.datasets.scan.limits import require_voxels
from survembed.datasets.scan.stored import COPY_AGAIN
from survembed.errors import DataError

HEADER_BYTES = 540
"""Size of the longest header, NIfTI-2."""
MAX_OFFSET = 2**24
"""Largest valid position of the first voxel; longer header extensions are refused."""


class NiftiHeader(NamedTuple):
    """Checked content of a header, in the order of the fields of `Nifti` after `path`."""

    shape: Shape
    affine: Float
    dtype: np.dtype[Any]
    slope: float
    intercept: float
    warnings: tuple[str, ...]
    offset: int


def parse_header(block: bytes, path: Path, voxel_limit: int, *, is_pair: bool = False) -> NiftiHeader:
    """Parse and check the first `HEADER_BYTES` of a NIfTI-1 or NIfTI-2 file, or of the header of a pair.

    `path` is for errors.

    Raises
    ------
    DataError
        If `block` is not a NIfTI header, or the header is invalid; see `survembed.datasets.scan.nifti.open_nifti`.
    """
    try:
        with np.errstate(invalid="ignore"):  # a signalling NaN of a damaged header: its affine is refused
            return _check_header(_unchecked_header(block, path, is_pair), path, voxel_limit, is_pair)
    except (WrapStructError, HeaderDataError, ValueError, OverflowError, KeyError, TypeError) as error:
        raise _damaged(path, str(error)) from error


def _unchecked_header(block: bytes, path: Path, is_pair: bool) -> Any:
    kinds: tuple[tuple[Any, bytes, int], ...] = ((nib.Nifti1Header, b"n+1", 344), (nib.Nifti2Header, b"n+2", 4))
    if is_pair:
        kinds = ((nib.Nifti1Pair.header_class, b"ni1", 344), (nib.Nifti2Pair.header_class, b"ni2", 4))
    for kind, magic, at in kinds:
        size = kind.template_dtype.itemsize
        if block[at : at + 3] == magic and len(block) >= size:
            return kind(block[:size], check=False)
    raise DataError(
        f"{path.name} is not a NIfTI file",
        where=str(path),
        expected="a .hdr of NIfTI, not of Analyze, which has no orientation"
        if is_pair
        else ".nii or .nii.gz, header and voxels in one file",
        try_="convert it, for example with SimpleITK or dcm2niix",
    )


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"the header of {path.name} is damaged: {reason}", where=str(path), try_=COPY_AGAIN)


def _check_header(header: Any, path: Path, voxel_limit: int, is_pair: bool) -> NiftiHeader:
    where = str(path)
    dimensions = header["dim"].tolist()
    if not 1 <= dimensions[0] <= 7 or min(dimensions[1 : dimensions[0] + 1]) < 1:
        raise _damaged(path, f"dimensions {dimensions}")
    shape = dimensions[1 : dimensions[0] + 1]
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    if len(shape) != 3:
        raise DataError(
            f"{path.name} has {len(shape)} axes {tuple(shape)}",
            where=where,
            expected="a 3-D volume",
            try_="save the required phase as a separate volume" if len(shape) > 3 else None,
        )
    require_voxels((shape[0], shape[1], shape[2]), path, voxel_limit)
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise DataError(
            f"{path.name} contains {'colours' if dtype.fields else f'{dtype} values'}",
            where=where,
            expected="integers or floats of 8 to 64 bits",
            try_="export the scan again, with one number per voxel",
        )
    offset = float(header["vox_offset"])
    if not (0 if is_pair else float(header.sizeof_hdr)) <= offset <= MAX_OFFSET:
        raise _damaged(path, f"voxels at byte {offset:g}")
    affine, warnings = _choose_affine(header, (shape[0], shape[1], shape[2]), path)
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not np.isfinite(slope):
        slope, intercept = 1.0, 0.0
    elif not np.isfinite(intercept):
        raise _damaged(path, f"scl_inter is {intercept:g}")
    return NiftiHeader((shape[0], shape[1], shape[2]), affine, dtype, slope, intercept, warnings, int(offset))


def _choose_affine(header: Any, shape: Shape, path: Path) -> tuple[Float, tuple[str, ...]]:
    """The valid affine, and warnings.

    The sform is used if there is one, else the qform. An identity sform with voxel sizes other than 1 mm was written by
    software without orientation; then the qform is used, or the voxel sizes alone.
    """
    sizes = np.abs(header["pixdim"][1:4].astype(np.float64))
    sform, qform = header.get_sform(coded=True)[0], _valid_qform(header)
    warnings = []
    affine = np.asarray(
        next((form for form in (sform, qform) if form is not None), header.get_base_affine()), np.float64
    )
    if sform is None and qform is None:
        warnings.append("the header has no orientation: the stored axes are used")
    if np.array_equal(affine, np.eye(4)):
        if np.allclose(sizes, 1, rtol=0.01):
            warnings.append("the affine is the identity: either voxels of 1 mm, or a lost header")
        else:
            affine = np.diag([*sizes, 1.0]) if qform is None else np.asarray(qform, np.float64)
            warnings.append(f"the affine is the identity, but voxels are not 1 mm: {format_mm(sizes)} used")
    require_valid_affine(affine, path.name, path)
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.allclose(lengths, sizes, rtol=0.01):
        if not np.isin(sizes, (0, 1)).all():
            raise DataError(
                f"{path.name} has two voxel sizes: {format_mm(lengths)} in its affine, {format_mm(sizes)} in pixdim",
                where=str(path),
                expected="one voxel size, because the organ volume depends on it",
                try_="export the file again from the original images",
            )
        warnings.append("pixdim is not set: the voxel sizes of the affine are used")
    if sform is not None and qform is not None:
        distance = corner_distance_mm(affine, np.asarray(qform, np.float64), shape)
        if distance > lengths.max():
            warnings.append(f"sform and qform differ by up to {distance:.0f} mm: the sform is used")
    return affine, tuple(f"{path.name}: {warning}" for warning in warnings)


def _valid_qform(header: Any) -> Float | None:
    """The qform; None if it is missing or its quaternion is invalid."""
    try:
        return cast("Float | None", header.get_qform(coded=True)[0])
    except (HeaderDataError, ValueError):
        return None
