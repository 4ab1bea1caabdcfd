"""Synthetic anatomy of an abdominal CT: liver, lesions, body and noise.

Liver: smooth union of two ellipsoids with a low-frequency displacement. Lesions: Poisson(3) + 1, log-normal radii.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

SHAPE = (128, 128, 40)
FOV_MM = (245.0, 245.0, 180.0)
LOBE_SEMI_AXES_MM = np.array([[75.0, 58.0, 58.0], [62.0, 40.0, 36.0]])
LOBE_CENTRES_MM = np.array([[22.0, 0.0, 0.0], [-38.0, 14.0, 12.0]])


@dataclass(frozen=True)
class Phantom:
    """CT and label map (0 outside, 1 liver, 2 lesion) of a synthetic subject, (x, y, z) in RAS order."""

    hu: NDArray[np.float32]
    labels: NDArray[np.uint8]
    spacing_mm: Float
    n_lesions: int

    @property
    def volumes_ml(self) -> tuple[float, float]:
        """Volumes of the organ, tumour included, and of the tumour."""
        voxel = float(np.prod(self.spacing_mm)) / 1000
        return np.count_nonzero(self.labels) * voxel, np.count_nonzero(self.labels == 2) * voxel


def draw_phantom(rng: np.random.Generator, shape: tuple[int, int, int] = SHAPE) -> Phantom:
    """Draw anatomy, lesions and noise.

    Parameters
    ----------
    rng
        Source of all random numbers.
    shape
        Voxels along right, anterior, superior; the field of view is always about `FOV_MM`.
    """
    fov = np.array(FOV_MM) * rng.uniform(0.97, 1.03, 2)[[0, 0, 1]]
    spacing = np.round(fov / shape, 3)
    size = np.clip(rng.normal(1.0, 0.06), 0.85, 1.12)
    centre = rng.normal(0, [4.0, 4.0, 2.0])
    axes = [
        ((np.arange(count) - (count - 1) / 2) * step - middle).astype(np.float32)
        for count, step, middle in zip(shape, spacing, centre, strict=True)
    ]
    displacement = _smooth_field(rng, axes, 6, 0.05)
    lobes = [_ellipsoid(axes, LOBE_CENTRES_MM[i] * size, LOBE_SEMI_AXES_MM[i] * size) for i in (0, 1)]
    liver = -np.logaddexp(-8 * lobes[0], -8 * lobes[1]) / 8 + displacement < 1
    labels = liver.astype(np.uint8)
    n_lesions = _add_lesions(rng, labels, axes, size)
    hu = _intensities(rng, labels, axes)
    return Phantom(hu, labels, spacing, n_lesions)


def _ellipsoid(axes: list[NDArray[np.float32]], centre: Float, semi: Float) -> NDArray[np.float32]:
    """(x, y, z) squared distance from `centre` in units of the semi-axes `semi`."""
    x, y, z = (((axis - middle) / half) ** 2 for axis, middle, half in zip(axes, centre, semi, strict=True))
    return np.asarray(x[:, None, None] + y[None, :, None] + z, dtype=np.float32)


def _smooth_field(
    rng: np.random.Generator, axes: list[NDArray[np.float32]], n_waves: int, amplitude: float
) -> NDArray[np.float32]:
    """Random sum of products of low-frequency cosines, (x, y, z)."""
    x, y, z = (
        np.cos(np.outer(rng.uniform(0.02, 0.06, n_waves), axis) + rng.uniform(0, 2 * np.pi, (n_waves, 1)))
        for axis in axes
    )
    strength = rng.normal(0, amplitude, n_waves)
    rows = (x * strength[:, None]).T.astype(np.float32)
    planes = (y[:, :, None] * z[:, None, :]).reshape(n_waves, -1).astype(np.float32)
    return (rows @ planes).reshape(len(axes[0]), len(axes[1]), len(axes[2]))


def _add_lesions(
    rng: np.random.Generator, labels: NDArray[np.uint8], axes: list[NDArray[np.float32]], size: float
) -> int:
    """Draw lesions into `labels`, most of them deep in the right lobe; return their number."""
    count = int(rng.poisson(3)) + 1
    for _ in range(count):
        radius = float(np.clip(np.exp(rng.normal(np.log(11.0), 0.5)), 4.0, 38.0))
        middle = LOBE_CENTRES_MM[0] * size + rng.normal(0, 0.2, 3) * LOBE_SEMI_AXES_MM[0]
        semi = radius * np.exp(rng.normal(0, 0.12, 3))
        near = tuple(
            slice(*np.searchsorted(axis, [centre - half, centre + half]))
            for axis, centre, half in zip(axes, middle, semi, strict=True)
        )
        ball = _ellipsoid([axis[side] for axis, side in zip(axes, near, strict=True)], middle, semi) < 1
        labels[near][ball & (labels[near] > 0)] = 2
    return count


def _intensities(
    rng: np.random.Generator, labels: NDArray[np.uint8], axes: list[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """HU of organ, lesions, body, lung, air (or padding) and noise."""
    liver = rng.normal(108, 10)
    levels = np.array([rng.normal(35, 8), liver, min(rng.normal(65, 10), liver - 15)], dtype=np.float32)
    hu = levels[labels]
    dome = _ellipsoid(axes, np.array([20.0, 0, 60.0]), np.array([85.0, 70.0, 60.0])) < 1
    hu[dome & (labels == 0)] = -850
    hu += rng.standard_normal(hu.shape, dtype=np.float32) * np.float32(rng.uniform(10, 22))
    x, y = axes[0] / 118, axes[1] / 100
    hu[(x[:, None] ** 2 + y[None, :] ** 2) > 1] = -3024 if rng.random() < 0.2 else -1000
    return hu
