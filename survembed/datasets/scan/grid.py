"""`Volume`: numbers on a grid in space, whatever files they stand in; read along right, anterior, superior."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from numpy.typing import NDArray

from survembed.errors import DataError

Float = NDArray[np.float64]
Shape = tuple[int, int, int]
Box = tuple[slice, slice, slice]


VOXEL_MM = (0.05, 100.0)
"""Edges of a voxel below and above which a scan of the body was not stored in mm."""


class LabelEncoder(Protocol):
    """Turns stored numbers into uint8 codes."""

    def __call__(self, stored: NDArray[Any], /) -> NDArray[np.uint8]:
        """Codes in the shape of `stored`."""
        ...


@dataclass(frozen=True)
class Volume(ABC):
    """A volume whose header was read and found sound; its voxels stand on the disk still.

    Attributes
    ----------
    path
        The file, or the folder of the files.
    stored_shape
        Voxels along the axes as stored; the first varies fastest.
    stored_affine
        (4, 4) float64 from stored voxel index to RAS mm.
    dtype
        Type of the stored numbers, in the file's byte order.
    slope, intercept
        Physical value = slope · stored + intercept.
    warnings
        What was doubtful in the header.
    """

    path: Path
    stored_shape: Shape
    stored_affine: Float
    dtype: np.dtype[Any]
    slope: float
    intercept: float
    warnings: tuple[str, ...]

    @abstractmethod
    def slabs(self, planes: slice) -> Iterator[tuple[int, NDArray[Any]]]:
        """Runs of planes (planes, j, i) along the slowest stored axis, each with the index of its first plane.

        All of `planes` are among them; others may be.
        """

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.path.name

    @cached_property
    def orientation(self) -> Float:
        """For each stored axis: the canonical axis it runs along, and 1 or -1 for its direction."""
        return cast(Float, io_orientation(self.stored_affine))

    @property
    def shape(self) -> Shape:
        """Voxels along right, anterior, superior."""
        order = np.argsort(self.orientation[:, 0])
        x, y, z = (self.stored_shape[axis] for axis in order)
        return x, y, z

    @cached_property
    def affine(self) -> Float:
        """(4, 4) float64 from canonical voxel index, in RAS order, to RAS mm."""
        return cast(Float, self.stored_affine @ inv_ornt_aff(self.orientation, self.stored_shape))

    @cached_property
    def spacing_mm(self) -> Float:
        """(3,) edge lengths of a voxel in RAS order; rounded to nanometres, so that they do not hang on orientation."""
        lengths: Float = np.linalg.norm(self.affine[:3, :3], axis=0)
        return lengths.round(6)

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in ml."""
        return float(np.prod(self.spacing_mm)) / 1000

    def read(self, box: Box | None = None, encode: LabelEncoder | None = None) -> NDArray[Any]:
        """Stored numbers inside `box`, in canonical order and native bytes.

        Parameters
        ----------
        box
            Canonical index ranges; None for the whole volume.
        encode
            Turns each slab of stored numbers into the uint8 to be kept, so that wide types are never held whole.

        Returns
        -------
        ndarray
            (x, y, z) in RAS order, x fastest in memory: the same bytes whatever the orientation of the file.

        Raises
        ------
        DataError
            When a file is truncated or damaged.
        """
        ni, nj, nk = self.stored_shape
        i, j, k = self._stored_box(box) if box else (slice(0, ni), slice(0, nj), slice(0, nk))
        shape = (k.stop - k.start, j.stop - j.start, i.stop - i.start)
        kept = np.empty(shape, np.uint8 if encode else self.dtype.newbyteorder("="))
        for start, slab in self.slabs(k):
            first, last = max(start, k.start), min(start + len(slab), k.stop)
            if first < last:
                part = slab[first - start : last - start, j, i]
                kept[first - k.start : last - k.start] = encode(part) if encode else part
        return self.canonical(kept)

    def canonical(self, planes: NDArray[Any]) -> NDArray[Any]:
        """Planes (k, j, i) along the stored axes as (x, y, z) in RAS order, x fastest in memory."""
        return np.asfortranarray(apply_orientation(planes.T, self.orientation))

    def _stored_box(self, box: Box) -> Box:
        ranges = []
        for count, (axis, direction) in zip(self.stored_shape, self.orientation, strict=True):
            wanted = box[int(axis)]
            ranges.append(wanted if direction > 0 else slice(count - wanted.stop, count - wanted.start))
        i, j, k = ranges
        return i, j, k


def require_volume(affine: Float, name: str, path: Path) -> None:
    """Refuse an affine that is not finite, flat or sheared."""
    columns = affine[:3, :3]
    lengths = np.linalg.norm(columns, axis=0)
    if not np.isfinite(affine).all() or not ((lengths >= VOXEL_MM[0]) & (lengths <= VOXEL_MM[1])).all():
        raise DataError(
            f"the affine of {name} places no volume in space: voxel sizes {in_mm(lengths)}",
            where=str(path),
            expected=f"voxels of {VOXEL_MM[0]:g} to {VOXEL_MM[1]:g} mm",
            try_="write the file anew from the original images, with lengths in mm",
        )
    cosines = (columns / lengths).T @ (columns / lengths) - np.eye(3)
    if np.abs(cosines).max() > 0.01:
        raise DataError(
            f"the axes of {name} are not at right angles (a tilted gantry?)",
            where=str(path),
            expected="axes at right angles",
            try_="resample the image and its mask to a grid at right angles",
        )


def in_mm(lengths: Float) -> str:
    """Edge lengths in words."""
    return " × ".join(f"{length:g}" for length in lengths) + " mm"


def corner_distance_mm(one: Float, other: Float, shape: Shape) -> float:
    """Largest distance between the corners that two affines give to a grid of this shape."""
    corners = np.array(np.meshgrid(*[(-0.5, count - 0.5) for count in shape])).reshape(3, -1)
    apart = (one - other)[:3, :3] @ corners + (one - other)[:3, 3:]
    return float(np.linalg.norm(apart, axis=0).max())
