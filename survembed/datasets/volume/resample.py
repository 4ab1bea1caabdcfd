"""Resampling by exact box overlap: each output voxel is the average of the source over its box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]


def overlap_weights(n_source: int, spacing: float, start: float, n_target: int, target_spacing: float) -> Weights:
    """Fraction of each target voxel that each source voxel covers, along one axis.

    Parameters
    ----------
    n_source, spacing
        Number and edge length of the source voxels; voxel i spans [i · spacing, (i + 1) · spacing].
    start
        Position of the first target voxel's lower edge on the same scale; may be negative.
    n_target, target_spacing
        Number and edge length of the target voxels.

    Returns
    -------
    ndarray
        (n_target, n_source) float32; rows of target voxels that lie inside the source sum to 1.
    """
    edges = np.arange(n_source + 1) * spacing
    low = start + np.arange(n_target)[:, None] * target_spacing
    high = low + target_spacing
    covered = np.clip(edges[1:], low, high) - np.clip(edges[:-1], low, high)
    return np.asarray(covered / target_spacing, dtype=np.float32)


def box_average(volume: NDArray[np.float32], weights: tuple[Weights, Weights, Weights]) -> NDArray[np.float32]:
    """Average a volume over each voxel of a target grid; the volume counts as 0 outside its bounds.

    Parameters
    ----------
    volume
        (z, y, x) float32, x fastest in memory.
    weights
        `overlap_weights` along x, y and z.

    Returns
    -------
    ndarray
        (target z, target y, target x) float32.
    """
    x, y, z = weights
    depth, height, width = volume.shape
    along_x = (volume.reshape(-1, width) @ x.T).reshape(depth, height, len(x))
    along_xy = (y @ along_x).reshape(depth, -1)
    return (z @ along_xy).reshape(len(z), len(y), len(x))


def fractions_to_bytes(fraction: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Round fractions in [0, 1] to uint8 (255 is 1) such that their sum is exact to half a step.

    Each voxel carries the rounding error of the voxels before it; independent rounding would change the volume of a
    mask. Each value is within one step.
    """
    running = np.floor(np.cumsum(fraction.ravel(), dtype=np.float64) * 255 + 0.5)
    return np.clip(np.diff(running, prepend=0), 0, 255).astype(np.uint8).reshape(fraction.shape)
