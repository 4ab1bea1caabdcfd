"""Slices of a volume in radiological convention."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from survembed.cohort.subjects import CohortHeader

OVERLAY = np.array([0.86, 0.08, 0.12])
OVERLAYS = {
    "red": OVERLAY,
    "yellow": np.array([0.94, 0.78, 0.0]),
    "blue": np.array([0.1, 0.45, 0.95]),
    "green": np.array([0.0, 0.65, 0.4]),
    "magenta": np.array([0.8, 0.3, 0.75]),
    "cyan": np.array([0.2, 0.75, 0.85]),
}
"""Colour of each lesion channel, in their order, as in `explore`; they begin again after the last."""

OPACITY = 0.65
"""Of a lesion with fraction 1."""

LEAST_FRACTION = 0.05
"""Of a lesion that is visible in its colour."""

LENGTHS_MM = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)

PLANES = ("axial", "coronal", "sagittal")


def planes_of(header: CohortHeader) -> tuple[str, ...]:
    """Anatomical planes of a volume; one empty name for a 2-D image."""
    return PLANES if len(header.shape) == 3 else ("",)


def middle_of(image: NDArray[np.float32], header: CohortHeader) -> tuple[int, ...]:
    """Voxel in the middle of the lesion of an image (C, *spatial); of the image, if there is no lesion.

    The lesion is where its fraction is above half of its largest fraction: a decoded one may stay below 0.5 everywhere.
    """
    overlay = [index for index, channel in enumerate(header.channels) if channel.overlay]
    fraction = image[overlay[0]] if overlay else np.zeros(header.shape)
    lesion = np.argwhere(fraction > max(fraction.max() / 2, LEAST_FRACTION))
    if not len(lesion):
        return tuple(edge // 2 for edge in header.shape)
    nearest = lesion[np.square(lesion - lesion.mean(axis=0)).sum(axis=1).argmin()]  # the centroid may be in a hole
    return tuple(int(index) for index in nearest)


def cut(values: NDArray[np.float32], plane: str, at: tuple[int, ...]) -> NDArray[np.float32]:
    """Slice (..., h, w) through voxel `at` of values (..., x, y, z) in RAS order; a 2-D image is returned unchanged.

    The head (axial: the front) of the subject is at the top; its right (sagittal: its front) is on the left.
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


def overlaid(values: NDArray[np.float32], header: CohortHeader) -> NDArray[np.float32]:
    """Slice (C, h, w) as RGB (h, w, 3) in [0, 1]: a picture in its colours, else the channel `drawn` in grey.

    Lesions are drawn by their fraction, each channel in its own colour.
    """
    if [channel.name for channel in header.channels] == ["red", "green", "blue"]:
        return np.clip(values, 0, 1).transpose(1, 2, 0)
    rgb: NDArray[np.float32] = np.repeat(np.clip(values[header.drawn], 0, 1)[..., None], 3, axis=-1)
    for number, (_, colour) in _lesions(header).items():
        strength = OPACITY * np.clip(values[number], 0, 1)[..., None]
        rgb = ((1 - strength) * rgb + strength * OVERLAYS[colour]).astype(np.float32)
    return rgb


def _lesions(header: CohortHeader) -> dict[int, tuple[str, str]]:
    """Name and colour of each lesion channel, by its position."""
    positions = [number for number, channel in enumerate(header.channels) if channel.overlay]
    return {number: (header.channels[number].name, colour) for number, colour in zip(positions, cycle(OVERLAYS))}


def overlay_text(header: CohortHeader) -> str | None:
    """Sentence for a legend on `overlaid`, such as "red: tumour, as strong as …".

    It names the grey channel where that is not the first; None where there is nothing to say.
    """
    shown = f"grey: {header.channels[header.drawn].name}" if header.drawn else ""
    names = ", ".join(f"{colour}: {name}" for name, colour in _lesions(header).values())
    if not names:
        return shown or None
    amount = "; volumes in ml are the sum of the fractions" if header.spacing_mm else ""
    return f"{shown}{'; ' if shown else ''}{names}, as strong as the fraction of the voxel{amount}"


def aspect(header: CohortHeader, plane: str) -> float:
    """Height of a pixel of a slice divided by its width."""
    if header.spacing_mm is None or not plane:
        return 1.0
    x, y, z = header.spacing_mm
    return {"axial": y / x, "coronal": z / x, "sagittal": z / y}[plane]


def draw_scale(axis: Axes, header: CohortHeader, plane: str) -> None:
    """Draw a bar of 1, 2 or 5 times a power of ten mm at the bottom of a slice; none without physical spacing."""
    if header.spacing_mm is None or not plane:
        return
    along = 1 if plane == "sagittal" else 0
    pixel_mm, n_pixels = header.spacing_mm[along], header.shape[along]
    length = max((step for step in LENGTHS_MM if step <= 0.4 * n_pixels * pixel_mm), default=LENGTHS_MM[0])
    axis.autoscale(enable=False)
    x = np.array([0.05, 0.05 + length / pixel_mm / n_pixels])
    style: dict[str, Any] = {"transform": axis.transAxes, "color": "white"}
    axis.plot(x, [0.05, 0.05], lw=1.5, solid_capstyle="butt", **style)
    axis.text(x[0], 0.07, f"{length:g} mm", fontsize=6, ha="left", va="bottom", **style)


def organ_of(image: NDArray[np.float32], header: CohortHeader) -> NDArray[np.bool_]:
    """Voxels (*spatial) of the organ in an image (C, *spatial) of a volume, whose voxels outside it are 0.

    All voxels of a 2-D image or of an empty volume.
    """
    masks = [index for index, channel in enumerate(header.channels) if channel.organ]
    organ: NDArray[np.bool_] = np.any((image[masks] if masks else image) > 0, axis=0)
    return organ if len(header.shape) == 3 and organ.any() else np.ones(organ.shape, dtype=np.bool_)


def hide_frame(axis: Axes) -> None:
    """Remove ticks and frame."""
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
