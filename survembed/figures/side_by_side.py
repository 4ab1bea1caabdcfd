"""Pictures of several runs beside one another in one figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from survembed.figures.slices import hide_frame
from survembed.figures.style import drawing, new_figure, save

HEIGHT = 6.0
"""Of each picture, in inches."""


def draw_side_by_side(pictures: Mapping[str, Path], path: Path) -> list[Path]:
    """Draw PNG files at one height from left to right, each below its label, to `path` as PNG and PDF."""
    from matplotlib.image import imread

    images = [imread(picture) for picture in pictures.values()]
    widths = [HEIGHT * image.shape[1] / image.shape[0] for image in images]
    with drawing():
        figure = new_figure(sum(widths), HEIGHT + 0.4)
        row = figure.subplots(1, len(images), width_ratios=widths, squeeze=False)[0]
        for axis, image, label in zip(row, images, pictures, strict=True):
            axis.imshow(image, interpolation="antialiased")
            axis.set_title(label, fontsize=9)
            hide_frame(axis)
        return save(figure, path)
