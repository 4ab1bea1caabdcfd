"""Thumbnails of a cube for the page of `survembed data check`."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.scan.grid import Float

THUMBNAIL = 96
"""Voxels of the cube behind a thumbnail, and pixels of its longer side."""


def thumbnail_png(image: NDArray[np.uint8], extent_mm: Float) -> bytes:
    """PNG of the axial and the coronal slice with the most tumour (else organ), in radiological orientation.

    Parameters
    ----------
    image
        (2, x, y, z) CT or organ, and tumour; `THUMBNAIL` voxels along each axis.
    extent_mm
        (3,) edge lengths of the cube.
    """
    from matplotlib.image import imsave

    grey, tumour = image
    weight = tumour if tumour.any() else grey
    y, z = (int(weight.sum(axis=axes, dtype=np.int64).argmax()) for axes in ((0, 2), (0, 1)))
    scale = THUMBNAIL / float(extent_mm.max())
    panels = []
    for index, axes in ((np.s_[:, :, z], (0, 1)), (np.s_[:, y, :], (0, 2))):
        rgb = _overlay_tumour(grey[index], tumour[index])[::-1, ::-1].transpose(1, 0, 2)
        width, height = (max(1, round(float(extent_mm[axis]) * scale)) for axis in axes)
        rows, columns = (np.arange(count) * THUMBNAIL // count for count in (height, width))
        panel = np.zeros((THUMBNAIL, width, 3), np.uint8)
        panel[:height] = rgb[rows][:, columns]
        panels.append(panel)
    buffer = BytesIO()
    imsave(buffer, np.concatenate(panels, axis=1), format="png")
    return buffer.getvalue()


def _overlay_tumour(grey: NDArray[np.uint8], tumour: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(..., 3) grey values with the tumour in red."""
    alpha = 0.6 * (tumour / 255)[..., None]
    return np.rint(grey[..., None] * (1 - alpha) + np.array([255, 40, 40]) * alpha).astype(np.uint8)
