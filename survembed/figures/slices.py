"""Slices of a volume as pictures, in radiological convention."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from survembed.cohort.subjects import CohortHeader

OVERLAY = np.array([0.86, 0.08, 0.12])

PLANES = ("axial", "coronal", "sagittal")


def planes_of(header: CohortHeader) -> tuple[str, ...]:
    """The planes in which an image is shown; a picture is its own."""
    return PLANES if len(header.shape) == 3 else ("",)


def middle_of(image: NDArray[np.float32], header: CohortHeader) -> tuple[int, ...]:
    """Voxel through which slices of an image (C, *spatial) are laid: amid the lesion, or else of the image."""
    overlay = [index for index, channel in enumerate(header.channels) if channel.overlay]
    lesion = np.argwhere(image[overlay[0]] > 0.5) if overlay else np.empty((0, 0))
    if not len(lesion):
        return tuple(edge // 2 for edge in header.shape)
    nearest = lesion[np.square(lesion - lesion.mean(axis=0)).sum(axis=1).argmin()]  # a lesion may have a hole amid it
    return tuple(int(index) for index in nearest)


def cut(values: NDArray[np.float32], plane: str, at: tuple[int, ...]) -> NDArray[np.float32]:
    """The slice (..., h, w) of values (..., x, y, z) in RAS order; a picture (..., h, w) is returned as it is.

    Head or front of the subject is up; right (or, in a sagittal slice, the front) is on the left.
    """
    if not plane:
        return values
    x, y, z = at
    flat = {
        "axial": lambda: values[..., ::-1, ::-1, z],
        "coronal": lambda: values[..., ::-1, y, ::-1],
        "sagittal": lambda: values[..., x, ::-1, ::-1],
    }[plane]()
    return flat.swapaxes(-1, -2)


def overlaid(flat: NDArray[np.float32], header: CohortHeader) -> NDArray[np.float32]:
    """A slice (C, h, w) as RGB (h, w, 3) in [0, 1]: the first channel in grey, lesions above one half in red."""
    rgb: NDArray[np.float32] = np.repeat(np.clip(flat[0], 0, 1)[..., None], 3, axis=-1)
    for channel, values in zip(header.channels, flat, strict=True):
        if channel.overlay:
            lesion = values > 0.5
            rgb[lesion] = 0.35 * rgb[lesion] + 0.65 * OVERLAY
    return rgb


def aspect(header: CohortHeader, plane: str) -> float:
    """Height over width of a pixel of a slice."""
    if header.spacing_mm is None or not plane:
        return 1.0
    x, y, z = header.spacing_mm
    return {"axial": y / x, "coronal": z / x, "sagittal": z / y}[plane]


def bare(axis: Axes) -> None:
    """Neither ticks nor frame."""
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)
