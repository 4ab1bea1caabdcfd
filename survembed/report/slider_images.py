"""Images for the sliders of the report: all steps of a latent dimension in one PNG, from top to bottom."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survembed.figures.slices import cut, middle_of, overlaid, planes_of
from survembed.figures.traversal import hazard_ratio_lines

if TYPE_CHECKING:
    from survembed.cohort.subjects import CohortHeader
    from survembed.workflows.traverse import Traversal, Walk

STEPS = 17

FIRST_SHOWN = 2.0
"""Step shown first. At 0, all dimensions would show the same image."""


@dataclass(frozen=True)
class Strip:
    """Decoded images along one latent dimension, or along the hazard.

    Attributes
    ----------
    name
        `z0`, …, or `hazard`.
    slope
        Hazard ratio per SD as text, with that of the test set; empty without a head.
    png
        All steps, from top to bottom.
    width, height
        Size of one step in pixels.
    texts
        Description of each step.
    start
        Index of the step shown first: 2 standard deviations towards the higher hazard, or along the dimension.
    """

    name: str
    slope: str
    png: bytes
    width: int
    height: int
    texts: tuple[str, ...]
    start: int = 0


def strips(traversal: Traversal) -> list[Strip]:
    """One strip for each row of a traversal; none for tables.

    Slices of volumes go through the largest decoded lesion, or through the middle of the image.
    """
    header = traversal.header
    if len(header.shape) == 1:
        return []
    images = np.concatenate([walk.images for walk in traversal.walks])
    lesions = [channel.overlay for channel in header.channels]
    size = images[:, lesions].reshape(len(images), -1).sum(axis=1)
    voxel = middle_of(images[size.argmax()], header)
    return [_strip(walk, traversal, voxel) for walk in traversal.walks]


def _strip(walk: Walk, traversal: Traversal, voxel: tuple[int, ...]) -> Strip:
    frames = [slices_side_by_side(image, traversal.header, voxel) for image in walk.images]
    height, width = frames[0].shape[:2]
    slope = "" if walk.hr_per_sd is None else ", ".join(hazard_ratio_lines(walk))
    texts = tuple(_step_text(walk, index, step, traversal) for index, step in enumerate(traversal.steps))
    towards = FIRST_SHOWN if walk.psi is None or walk.psi >= 0 else -FIRST_SHOWN
    start = int(np.abs(traversal.steps - towards).argmin())
    return Strip("hazard" if walk.name == "risk" else walk.name, slope, _png(frames), width, height, texts, start)


def _step_text(walk: Walk, index: int, step: float, traversal: Traversal) -> str:
    parts = [f"{step:+.1f} {'SD' if traversal.axes == 'standardised' else 'units'}" if step else "start"]
    if walk.log_hazard is not None:
        parts.append(f"claimed hazard × {np.exp(walk.log_hazard[index]):.2f}")
    if walk.reencoded is not None:
        parts.append(f"re-encoded × {np.exp(walk.reencoded[index]):.2f}")
    parts += [f"{name} {volumes[index]:.1f} ml" for name, volumes in walk.volumes_ml.items()]
    return " · ".join(part.replace(" ", "\u00a0") for part in parts)  # line breaks only between parts


def slices_side_by_side(
    image: NDArray[np.float32], header: CohortHeader, voxel: tuple[int, ...]
) -> NDArray[np.float32]:
    """Image (C, *spatial) as RGB (h, w, 3); for a volume, its three slices through `voxel` side by side."""
    views = [overlaid(cut(image, plane, voxel), header) for plane in planes_of(header)]
    tallest = max(len(view) for view in views)
    return np.concatenate([np.pad(view, ((0, tallest - len(view)), (0, 0), (0, 0))) for view in views], axis=1)


def _png(frames: list[NDArray[np.float32]]) -> bytes:
    from matplotlib.image import imsave

    buffer = BytesIO()
    imsave(buffer, np.rint(np.concatenate(frames) * 255).astype(np.uint8), format="png")
    return buffer.getvalue()
