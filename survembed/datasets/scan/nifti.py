"""Open NIfTI files: .nii and .nii.gz, and pairs of .hdr and .img."""

from __future__ import annotations

from pathlib import Path

from survembed.datasets.scan.nifti_header import HEADER_BYTES, parse_header
from survembed.datasets.scan.stored import Encoding, StoredVolume, is_gzip, open_stream
from survembed.errors import DataError


def open_nifti(path: Path, voxel_limit: int) -> StoredVolume:
    """Read and check the header of a NIfTI-1 or NIfTI-2 file. The content, not the name, decides if it is gzipped.

    Parameters
    ----------
    path
        The file, or the `.hdr` of a pair.
    voxel_limit
        Largest number of voxels that the header may declare; checked before memory is allocated.

    Raises
    ------
    DataError
        If the file is missing, not NIfTI, not 3-D (a fourth axis of length 1 is accepted), larger than `voxel_limit`
        or truncated, if its values are not real numbers, or if its affine is invalid.
    """
    with open_stream(path) as stream:
        block = stream.read(HEADER_BYTES)
    header = parse_header(block, path, voxel_limit, is_pair=is_header_of_pair(path))
    data = image_of_pair(path) if is_header_of_pair(path) else path
    encoding: Encoding = "gzip" if data.is_file() and is_gzip(data) else "raw"
    return StoredVolume(path, *header[:-1], data, 0, encoding, header.offset).require_complete()


def is_header_of_pair(path: Path) -> bool:
    """Whether the file is the header of a pair, by its name."""
    return path.name.lower().endswith((".hdr", ".hdr.gz"))


def image_of_pair(header: Path) -> Path:
    """The file of voxels beside the header of a pair; `.img` where there is none.

    Raises
    ------
    DataError
        If there are two.
    """
    stem = header.name[: header.name.lower().rindex(".hdr")]
    names = (f"{stem}.img", f"{stem}.img.gz", f"{stem}.IMG")
    found = [header.with_name(name) for name in names if header.with_name(name).is_file()]
    if len(found) > 1:
        raise DataError(
            f"two images of {header.name}: {found[0].name} and {found[1].name}", where=str(header), try_="delete one"
        )
    return found[0] if found else header.with_name(names[0])
