"""Exact box overlap: how much of each source voxel lies in each voxel of the cube."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]


def overlap(count: int, spacing: float, start: float, cells: int, cell: float) -> Weights:
    """Share of each target cell that each source voxel covers, along one axis.

    Parameters
    ----------
    count, spacing
        Source voxels, and their edge length; voxel a spans [a · spacing, (a + 1) · spacing].
    start
        Where the first cell begins, on the same scale; it may be negative.
    cells, cell
        Target cells, and their edge length.

    Returns
    -------
    ndarray
        (cells, count) float32; rows sum to 1 where a cell lies wholly inside the source.
    """
    edges = np.arange(count + 1) * spacing
    low = start + np.arange(cells)[:, None] * cell
    covered = np.clip(edges[1:], low, low + cell) - np.clip(edges[:-1], low, low + cell)
    return np.asarray(covered / cell, dtype=np.float32)


def box_average(planes: NDArray[np.float32], along: tuple[Weights, Weights, Weights]) -> NDArray[np.float32]:
    """Average of a volume over each cell of a grid, outside the volume counted as 0.

    Parameters
    ----------
    planes
        (z, y, x) float32, x fastest in memory.
    along
        `overlap` along x, y and z.

    Returns
    -------
    ndarray
        (cells z, cells y, cells x) float32.
    """
    x, y, z = along
    depth, height, width = planes.shape
    rows = (planes.reshape(-1, width) @ x.T).reshape(depth, height, len(x))
    slices = (y @ rows).reshape(depth, -1)
    return (z @ slices).reshape(len(z), len(y), len(x))


def to_bytes(fraction: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Fractions in [0, 1] as uint8 (255 is 1), each within one step, so that their sum is kept to half a step.

    Each voxel takes up the rounding error of those before it; plain rounding would lose or gain volume at every edge.
    """
    running = np.floor(np.cumsum(fraction.ravel(), dtype=np.float64) * 255 + 0.5)
    return np.clip(np.diff(running, prepend=0), 0, 255).astype(np.uint8).reshape(fraction.shape)
