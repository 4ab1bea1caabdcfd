"""`Volume`: a voxel grid in space, independent of the file format; axes run to right, anterior, superior."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
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
LabelEncoder = Callable[[NDArray[Any]], NDArray[np.uint8]]
"""Function from stored numbers to uint8 codes of the same shape."""

VOXEL_MM = (0.05, 100.0)
"""Smallest and largest plausible edge of a voxel; other values mean that the file is not in mm."""


class Grid(Protocol):
    """Anything on a voxel grid in RAS order."""

    @property
    def shape(self) -> Shape:
        """Number of voxels along each axis."""
        ...

    @property
    def affine(self) -> Float:
        """(4, 4) from voxel index to RAS mm."""
        ...


@dataclass(frozen=True)
class Volume(ABC):
    """A volume with a valid header; the voxels are still on disk.

    Attributes
    ----------
    path
        The file, or the folder of the files.
    stored_shape
        Number of voxels along the stored axes; the first varies fastest.
    stored_affine
        (4, 4) float64 from stored voxel index to RAS mm.
    dtype
        Type of the stored numbers, with the byte order of the file.
    slope, intercept
        Physical value = slope · stored + intercept.
    warnings
        Doubts about the header.
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
        """Yield (index of the first plane, planes (n, j, i)) along the slowest stored axis.

        The slabs cover `planes` and may include others.
        """

    @property
    def name(self) -> str:
        """Name for messages."""
        return self.path.name

    @cached_property
    def orientation(self) -> Float:
        """(3, 2) the RAS axis of each stored axis, and its direction, 1 or -1."""
        return cast(Float, io_orientation(self.stored_affine))

    @property
    def shape(self) -> Shape:
        """Number of voxels along right, anterior, superior."""
        order = np.argsort(self.orientation[:, 0])
        x, y, z = (self.stored_shape[axis] for axis in order)
        return x, y, z

    @cached_property
    def affine(self) -> Float:
        """(4, 4) float64 from voxel index in RAS order to RAS mm."""
        return cast(Float, self.stored_affine @ inv_ornt_aff(self.orientation, self.stored_shape))

    @cached_property
    def spacing_mm(self) -> Float:
        """(3,) edge lengths of a voxel in RAS order, rounded to 1e-6 mm so that they are equal for all orientations."""
        lengths: Float = np.linalg.norm(self.affine[:3, :3], axis=0)
        return lengths.round(6)

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in ml."""
        return float(np.prod(self.spacing_mm)) / 1000

    def read(
        self,
        box: Box | None = None,
        encode: LabelEncoder | None = None,
        see: Callable[[NDArray[Any]], None] | None = None,
    ) -> NDArray[Any]:
        """Read stored numbers in native byte order.

        Parameters
        ----------
        box
            Index ranges in RAS order; None for the whole volume.
        encode
            Encodes each slab as uint8 before the next is read, so that wide types need no memory for the whole volume.
        see
            Receives each slab that is read, also outside the box.

        Returns
        -------
        ndarray
            (x, y, z) in RAS order, x fastest in memory: the same bytes for all orientations of the file.

        Raises
        ------
        DataError
            If a file is truncated or damaged.
        """
        ni, nj, nk = self.stored_shape
        i, j, k = self._stored_box(box) if box else (slice(0, ni), slice(0, nj), slice(0, nk))
        shape = (k.stop - k.start, j.stop - j.start, i.stop - i.start)
        planes = np.empty(shape, np.uint8 if encode else self.dtype.newbyteorder("="))
        for start, slab in self.slabs(k):
            if see is not None:
                see(slab)
            first, last = max(start, k.start), min(start + len(slab), k.stop)
            if first < last:
                part = slab[first - start : last - start, j, i]
                planes[first - k.start : last - k.start] = encode(part) if encode else part
        return self.to_ras(planes)

    def to_ras(self, planes: NDArray[Any]) -> NDArray[Any]:
        """Reorder (k, j, i) along the stored axes to (x, y, z) in RAS order, x fastest in memory."""
        return np.asfortranarray(apply_orientation(planes.T, self.orientation))

    def _stored_box(self, box: Box) -> Box:
        ranges = []
        for count, (axis, direction) in zip(self.stored_shape, self.orientation, strict=True):
            side = box[int(axis)]
            ranges.append(side if direction > 0 else slice(count - side.stop, count - side.start))
        i, j, k = ranges
        return i, j, k


def require_valid_affine(affine: Float, name: str, path: Path) -> None:
    """Refuse an affine that is not finite, singular or sheared, or has implausible voxel sizes.

    Raises
    ------
    DataError
        The message has `name` and `path`.
    """
    columns = affine[:3, :3]
    lengths = np.linalg.norm(columns, axis=0)
    if not np.isfinite(affine).all() or not ((lengths >= VOXEL_MM[0]) & (lengths <= VOXEL_MM[1])).all():
        raise DataError(
            f"the affine of {name} is not valid: voxel sizes {format_mm(lengths)}",
            where=str(path),
            expected=f"voxels of {VOXEL_MM[0]:g} to {VOXEL_MM[1]:g} mm",
            try_="export the file again from the original images, with lengths in mm",
        )
    cosines = (columns / lengths).T @ (columns / lengths) - np.eye(3)
    if np.abs(cosines).max() > 0.01:
        raise DataError(
            f"the axes of {name} are not at right angles (a tilted gantry?)",
            where=str(path),
            expected="axes at right angles",
            try_="resample the image and its mask to a grid at right angles",
        )


def format_mm(lengths: Float) -> str:
    """Edge lengths as text, such as `0.8 × 0.8 × 3 mm`."""
    return " × ".join(f"{length:g}" for length in lengths) + " mm"


def corner_distance_mm(one: Float, other: Float, shape: Shape) -> float:
    """Largest distance between the corners of two grids of the same shape."""
    corners = np.array(np.meshgrid(*[(-0.5, count - 0.5) for count in shape])).reshape(3, -1)
    difference = (one - other)[:3, :3] @ corners + (one - other)[:3, 3:]
    return float(np.linalg.norm(difference, axis=0).max())


def same_grid(volume: Volume, other: Grid) -> bool:
    """Whether two grids have the same shape, and corners that coincide to a tenth of a voxel."""
    if volume.shape != other.shape:
        return False
    return corner_distance_mm(volume.affine, other.affine, volume.shape) < 0.1 * float(volume.spacing_mm.min())
