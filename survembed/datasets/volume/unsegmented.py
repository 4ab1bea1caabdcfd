"""CTs of a folder that have no mask yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from survembed.datasets.volume.file_names import (
    IMAGE_FOLDERS,
    MASK_FOLDERS,
    case_problem,
    first_channels,
    volume_files,
    volume_files_in,
)
from survembed.errors import DataError

EXPECTED = "imagesTr/CASE_0000.nii.gz, or CASE_0000.nii.gz"


@dataclass(frozen=True)
class Unsegmented:
    """CTs of a folder in nnU-Net names.

    Attributes
    ----------
    images
        CTs without a mask, by case.
    segmented
        Cases with a mask.
    masks
        Folder for new masks.
    """

    images: dict[str, Path]
    segmented: tuple[str, ...]
    masks: Path


def find_unsegmented(root: Path) -> Unsegmented:
    """Find the CTs in `root` without a mask.

    Raises
    ------
    DataError
        If `root` is not a folder, contains no CT in nnU-Net names, or two CTs of one case.
    """
    if not root.is_dir():
        raise DataError(f"no folder '{root.name}'", where=str(root), expected=EXPECTED)
    in_folders, in_root = volume_files_in(root, IMAGE_FOLDERS), volume_files(root)
    flat = {name: paths for name, paths in in_root.items() if name.endswith("_0000") and f"{name}_0000" not in in_root}
    others = {name: paths for name, paths in in_root.items() if name not in flat}
    masks = volume_files_in(root, MASK_FOLDERS) if in_folders else others
    cts = first_channels(in_folders or flat, masks)
    if not cts:
        raise DataError(f"no CTs in '{root.name}'", where=str(root), expected=EXPECTED)
    for case_id, paths in cts.items():
        if len(paths) > 1:
            names = ", ".join(path.name for path in paths)
            raise case_problem(case_id, paths[0], f"several CTs: {names}", "keep one")
    return Unsegmented(
        images={case_id: paths[0] for case_id, paths in cts.items() if case_id not in masks},
        segmented=tuple(case_id for case_id in cts if case_id in masks),
        masks=root / MASK_FOLDERS[0] if in_folders else root,
    )
