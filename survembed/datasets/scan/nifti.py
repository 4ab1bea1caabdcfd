"""NIfTI files: the header is judged before a voxel is touched, then voxels stream in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from gzip import BadGzipFile
from pathlib import Path
from typing import Any, Protocol, cast

import nibabel as nib
import numpy as np
from isal import igzip
from isal.igzip_lib import IsalError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from survembed.datasets.scan.grid import Float, Volume, corner_distance_mm, in_mm, require_volume
from survembed.errors import DataError

SLAB_BYTES = 2**23
"""Voxels are read in slabs of about this size."""
MAX_OFFSET = 2**24
"""Header extensions longer than this are not believed."""


AGAIN = "copy, download or write it again"
"""What helps where a file is damaged."""


class Stream(Protocol):
    """Bytes of a file, in order."""

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes, fewer at the end."""
        ...


@dataclass(frozen=True)
class Nifti(Volume):
    """A NIfTI volume whose header was read and found sound.

    Attributes
    ----------
    offset
        Bytes before the first voxel.
    """

    offset: int

    def slabs(self, planes: slice) -> Iterator[tuple[int, NDArray[Any]]]:
        """Every run of planes, whatever is wanted, as only at the file's end its checksum is seen."""
        ni, nj, nk = self.stored_shape
        plane = ni * nj * self.dtype.itemsize
        step = max(1, SLAB_BYTES // plane)
        with _opened(self.path) as stream:
            _exactly(stream, self.offset, self.path)
            for start in range(0, nk, step):
                count = min(step, nk - start)
                data = _exactly(stream, count * plane, self.path)
                yield start, np.frombuffer(data, self.dtype).reshape(count, nj, ni)
            while stream.read(SLAB_BYTES):  # a gzip checksum stands at the very end
                pass


def open_nifti(path: Path, voxel_limit: int) -> Nifti:
    """Read and judge the header of a NIfTI-1 or NIfTI-2 file, plain or gzipped whatever its name says.

    Parameters
    ----------
    path
        The file.
    voxel_limit
        A header that claims more voxels is refused, before anything is allocated.

    Raises
    ------
    DataError
        When the file is missing, is no NIfTI, is not 3-D (a fourth axis of length 1 is let pass), claims too many
        voxels, holds no real numbers, or has an affine that places no volume in space.
    """
    with _opened(path) as stream:
        header = _header(stream, path)
    try:
        return _judged(header, path, voxel_limit)
    except (HeaderDataError, ValueError, OverflowError, KeyError, TypeError) as error:
        raise DataError(f"the header of {path.name} is damaged: {error}", where=str(path), try_=AGAIN) from error


def _judged(header: Any, path: Path, voxel_limit: int) -> Nifti:
    where = str(path)
    dimensions = header["dim"].tolist()
    if not 1 <= dimensions[0] <= 7 or min(dimensions[1 : dimensions[0] + 1]) < 1:
        raise DataError(f"the header of {path.name} is damaged: dimensions {dimensions}", where=where, try_=AGAIN)
    shape = dimensions[1 : dimensions[0] + 1]
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    if len(shape) != 3:
        raise DataError(
            f"{path.name} has {len(shape)} axes {tuple(shape)}",
            where=where,
            expected="a 3-D volume",
            try_="save the phase that is wanted as a volume of its own" if len(shape) > 3 else None,
        )
    voxels = shape[0] * shape[1] * shape[2]
    if voxels > voxel_limit:
        raise DataError(
            f"{path.name} claims {voxels:,} voxels {tuple(shape)}",
            where=where,
            expected=f"at most {voxel_limit:,}",
            try_=f"--set data.voxel_limit={voxels} if that is meant",
        )
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise DataError(
            f"{path.name} holds {'colours' if dtype.fields else f'{dtype} values'}",
            where=where,
            expected="integers or floats of 8 to 64 bits",
            try_="export the scan anew, one number a voxel",
        )
    offset = float(header["vox_offset"])
    if not float(header.sizeof_hdr) <= offset <= MAX_OFFSET:
        raise DataError(f"the header of {path.name} is damaged: voxels at byte {offset:g}", where=where, try_=AGAIN)
    affine, warnings = _placed(header, shape, path)
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not np.isfinite(slope):
        slope, intercept = 1.0, 0.0
    elif not np.isfinite(intercept):
        raise DataError(f"the header of {path.name} is damaged: scl_inter is {intercept:g}", where=where, try_=AGAIN)
    size = int(offset) + voxels * dtype.itemsize
    if not _is_gzip(path) and path.stat().st_size < size:
        raise DataError(f"{path.name} is truncated: {path.stat().st_size:,} of {size:,} bytes", where=where, try_=AGAIN)
    return Nifti(path, (shape[0], shape[1], shape[2]), affine, dtype, slope, intercept, warnings, int(offset))


def _placed(header: Any, shape: list[int], path: Path) -> tuple[Float, tuple[str, ...]]:
    """The affine that holds, and what is doubtful about it.

    The sform holds where there is one, else the qform. Where the sform is the bare identity and the voxel sizes are
    not 1 mm, it was written by a program that knew no better, and the qform holds, or the voxel sizes alone.
    """
    sizes = np.abs(header["pixdim"][1:4].astype(np.float64))
    sform, qform = header.get_sform(coded=True)[0], _qform(header)
    warnings = []
    affine = np.asarray(
        next((form for form in (sform, qform) if form is not None), header.get_base_affine()), np.float64
    )
    if sform is None and qform is None:
        warnings.append("the header gives no orientation: taken as stored")
    if np.array_equal(affine, np.eye(4)):
        if np.allclose(sizes, 1, rtol=0.01):
            warnings.append("the affine is the identity: voxels of 1 mm, perhaps of a header that was lost")
        else:
            affine = np.diag([*sizes, 1.0]) if qform is None else np.asarray(qform, np.float64)
            warnings.append(f"the affine is the identity, the voxels are not 1 mm: {in_mm(sizes)} taken")
    require_volume(affine, path.name, path)
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.allclose(lengths, sizes, rtol=0.01):
        if not np.isin(sizes, (0, 1)).all():
            raise DataError(
                f"{path.name} gives two voxel sizes: {in_mm(lengths)} in its affine, {in_mm(sizes)} in pixdim",
                where=str(path),
                expected="one voxel size, as the organ's volume hangs on it",
                try_="write the file anew from the original images",
            )
        warnings.append("pixdim was never set: voxel sizes taken from the affine")
    if sform is not None and qform is not None:
        apart = corner_distance_mm(affine, np.asarray(qform, np.float64), (shape[0], shape[1], shape[2]))
        if apart > lengths.max():
            warnings.append(f"sform and qform disagree by up to {apart:.0f} mm: the sform taken")
    return affine, tuple(f"{path.name}: {warning}" for warning in warnings)


def _qform(header: Any) -> Float | None:
    """The qform; None where there is none, or its quaternion is none."""
    try:
        return cast("Float | None", header.get_qform(coded=True)[0])
    except (HeaderDataError, ValueError):
        return None


def _is_gzip(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


@contextmanager
def _opened(path: Path) -> Iterator[Stream]:
    """The file's bytes, decompressed where it is gzip; damage to the compression becomes a `DataError`."""
    try:
        opener: Any = igzip.open if _is_gzip(path) else open
        with opener(path, "rb") as stream:
            yield stream
    except EOFError as error:
        raise DataError(
            f"{path.name} is truncated: its compressed data end too soon", where=str(path), try_=AGAIN
        ) from error
    except (BadGzipFile, IsalError) as error:  # type: ignore[misc]  # isal's stub has an instance for the class
        raise DataError(f"{path.name} is damaged: {error}", where=str(path), try_=AGAIN) from error
    except OSError as error:
        raise DataError(
            f"cannot read {path.name}: {error.strerror or error}",
            where=str(path),
            expected="a file that is there and may be read",
        ) from error


def _exactly(stream: Stream, size: int, path: Path) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise DataError(f"{path.name} is truncated: voxels are missing", where=str(path), try_=AGAIN)
    return data


def _header(stream: Stream, path: Path) -> Any:
    """The header as nibabel reads it, unchecked."""
    block = stream.read(540)
    kinds: tuple[tuple[Any, bytes, int], ...] = ((nib.Nifti1Header, b"n+1", 344), (nib.Nifti2Header, b"n+2", 4))
    for kind, magic, at in kinds:
        size = kind.template_dtype.itemsize
        if block[at : at + 3] == magic and len(block) >= size:
            try:
                return kind(block[:size], check=False)
            except (WrapStructError, HeaderDataError, ValueError) as error:
                raise DataError(
                    f"the header of {path.name} is damaged: {error}", where=str(path), try_=AGAIN
                ) from error
    raise DataError(
        f"{path.name} is no NIfTI file",
        where=str(path),
        expected=".nii or .nii.gz, header and voxels in one file",
        try_="convert it, for example with SimpleITK or dcm2niix",
    )
