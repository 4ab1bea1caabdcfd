"""Checks that the headers of all file formats have in common."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from survembed.datasets.scan.grid import Shape
from survembed.errors import DataError


def require_voxels(shape: Shape, path: Path, voxel_limit: int) -> None:
    """Refuse more voxels than a header may declare, before memory is allocated.

    Raises
    ------
    DataError
        If there are more than `voxel_limit`.
    """
    voxels = shape[0] * shape[1] * shape[2]
    if voxels > voxel_limit:
        raise DataError(
            f"{path.name} declares {voxels:,} voxels {tuple(shape)}",
            where=str(path),
            expected=f"at most {voxel_limit:,}",
            try_=f"--set data.voxel_limit={voxels} if the size is correct",
        )


def require_3d(sizes: list[int], path: Path) -> Shape:
    """The three sizes of a volume; further axes must have length 1.

    Raises
    ------
    DataError
        If there are fewer or more than three axes, or one is empty.
    """
    shape = list(sizes)
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    if len(shape) != 3 or min(shape) < 1:
        raise DataError(
            f"{path.name} has {len(shape)} axes {tuple(shape)}",
            where=str(path),
            expected="a 3-D volume, with one number per voxel",
            try_="save the required phase or channel as a separate volume" if len(shape) > 3 else None,
        )
    return shape[0], shape[1], shape[2]


def detached_file(header: Path, name: str) -> Path:
    """The file of voxels that a header names, in its own folder or below it.

    Raises
    ------
    DataError
        If the path leads out of the folder, or the voxels are in several files.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0] == "/" or ":" in parts[0]:
        raise DataError(
            f"{header.name} names voxels outside its folder",
            where=str(header),
            expected="a file in the folder of the header",
            try_="put both files in one folder, and correct the name in the header",
        )
    if (
        parts[0].upper() == "LIST"
        or "%" in name
        or (len(name.split()) > 1 and not header.parent.joinpath(*parts).exists())
    ):
        raise DataError(
            f"the voxels of {header.name} are in several files",
            where=str(header),
            expected="all voxels in one file",
            try_="convert it to one .nrrd, .mha or .nii.gz file",
        )
    return header.parent.joinpath(*parts)
