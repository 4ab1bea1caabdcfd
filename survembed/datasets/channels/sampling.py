"""Average a volume over the voxels of a cube, through positions in mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.scan.grid import Float, Volume
from survembed.datasets.volume.resample import box_average, overlap_weights

PARALLEL = 1e-4
"""Largest difference of directions, per mm, of grids that count as parallel: 0.04 mm in a cube of 400 mm."""
SAMPLES = 3
"""Positions along each axis of a voxel, or of a source voxel if that is smaller, in an oblique average."""
MOST_SAMPLES = 8

Values = NDArray[np.float32]


@dataclass(frozen=True)
class CubeGrid:
    """The voxels of a cube: `size` along its axes, and `affine` from voxel index to RAS mm."""

    size: tuple[int, int, int]
    affine: Float

    @property
    def spacing_mm(self) -> Float:
        """(3,) edge lengths of a voxel."""
        lengths: Float = np.linalg.norm(self.affine[:3, :3], axis=0)
        return lengths


def average(values: Values, volume: Volume, grid: CubeGrid) -> Values:
    """Mean of `values` over each voxel of the cube; outside the volume they count as 0.

    The average is exact, by overlap of boxes, if the axes of both grids are parallel. Otherwise it is the mean of
    linear interpolations at several positions in each voxel.

    Parameters
    ----------
    values
        (x, y, z) float32 on the grid of `volume` in RAS order.
    """
    to_volume = np.linalg.inv(volume.affine) @ grid.affine
    relative = np.linalg.inv(volume.affine[:3, :3] / volume.spacing_mm) @ (grid.affine[:3, :3] / grid.spacing_mm)
    if np.abs(relative - np.eye(3)).max() > PARALLEL:
        return _oblique(values, to_volume, grid)
    first = to_volume[:3, 3] + 0.5  # lower edge of the first source voxel is at 0
    start = first * volume.spacing_mm - grid.spacing_mm / 2
    x, y, z = (
        overlap_weights(
            values.shape[a], float(volume.spacing_mm[a]), float(start[a]), grid.size[a], float(grid.spacing_mm[a])
        )
        for a in range(3)
    )
    return np.ascontiguousarray(box_average(np.ascontiguousarray(values.T), (x, y, z)).T)


def _oblique(values: Values, to_volume: Float, grid: CubeGrid) -> Values:
    from scipy.ndimage import affine_transform

    steps = np.linalg.norm(to_volume[:3, :3], axis=0)  # source voxels in each step of the cube
    counts = [min(MOST_SAMPLES, max(1, int(np.ceil(step)) * SAMPLES if step > 0.5 else 1)) for step in steps]
    total = np.zeros(grid.size, np.float64)
    for place in np.ndindex(*counts):
        offset = (np.array(place) + 0.5) / counts - 0.5
        start = to_volume[:3, :3] @ offset + to_volume[:3, 3]
        total += affine_transform(values, to_volume[:3, :3], start, grid.size, order=1, mode="grid-constant")
    return (total / np.prod(counts)).astype(np.float32)
