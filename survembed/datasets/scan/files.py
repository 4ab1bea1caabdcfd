"""Files of volumes: NIfTI, NRRD and MetaImage, by their content; DICOM series are in `survembed.datasets.dicom`."""

from __future__ import annotations

import re
from pathlib import Path

from survembed.datasets.scan.meta_image import open_meta_image
from survembed.datasets.scan.nifti import image_of_pair, is_header_of_pair, open_nifti
from survembed.datasets.scan.nrrd import open_nrrd
from survembed.datasets.scan.stored import StoredVolume
from survembed.datasets.scan.structure_names import composed
from survembed.errors import DataError

SUFFIX = re.compile(r"\.(?:nii(?:\.gz)?|(?:seg\.)?nrrd|(?:seg\.)?nhdr|mha|mhd|hdr(?:\.gz)?)", re.IGNORECASE)
"""Names of volumes; the `.img`, `.raw` and `.zraw` of a pair belong to its header."""


def volume_stem(path: Path) -> str | None:
    """File name without the suffix of a volume, in the normal form NFC; None for other files and hidden files."""
    match = re.fullmatch(rf"([^.].*?){SUFFIX.pattern}", path.name, re.IGNORECASE)
    return composed(match.group(1)) if match else None


def open_volume(path: Path, voxel_limit: int) -> StoredVolume:
    """Read and check the header of a volume; errors and `voxel_limit` as `open_nifti`."""
    if path.name.lower().endswith((".img", ".img.gz")):
        path = path.with_name(re.sub(r"\.img", ".hdr", path.name, flags=re.IGNORECASE))
    try:
        with open(path, "rb") as file:
            first = file.read(64)
    except OSError as error:
        raise DataError(
            f"cannot read {path.name}: {error.strerror or error}", where=str(path), expected="a readable file"
        ) from error
    if first.startswith(b"NRRD"):
        return open_nrrd(path, voxel_limit)
    if re.match(rb"(ObjectType|Comment|NDims)\s*=", first):
        return open_meta_image(path, voxel_limit)
    return open_nifti(path, voxel_limit)


def files_of(path: Path) -> tuple[Path, ...]:
    """The file of a volume, and the file of its voxels if that is another; only the first if the header is damaged."""
    if is_header_of_pair(path):
        return path, image_of_pair(path)
    if path.suffix.lower() not in (".nhdr", ".mhd"):
        return (path,)
    try:
        return path, open_volume(path, 2**62).data_path
    except DataError:
        return (path,)
