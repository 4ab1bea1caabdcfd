"""The strip of one subject: walked along the hazard, what the decoder says of each step, and what differs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from survembed.cohort.captions import DISCLAIMER, data_name
from survembed.figures.slices import aspect, bare, cut, middle_of, overlaid
from survembed.figures.style import drawing, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from survembed.workflows.explain import Explanation

CELL = 1.35
SIDE = 1.2
MOVED = "subject's own image,\nmoved"


def draw_explanation(explanation: Explanation, path: Path) -> list[Path]:
    """Draw the strip to `path` as PNG and PDF, in the axial slice amid the lesion. A synthetic cohort is called one.

    Above stands the subject's own image with the decoded difference added, below it what is decoded, then the
    difference to the subject's own reconstruction, of each channel in its own unit: red is more, blue is less.
    """
    header, steps = explanation.header, explanation.steps
    channels, columns = len(header.channels), len(steps)
    with drawing():
        figure = new_figure(SIDE + CELL * columns + 0.5, 1.5 + CELL * (2 + channels))
        data = data_name(header.title, header.synthetic)
        figure.suptitle(f"{data}: {explanation.model}, subject {explanation.subject} along its hazard", fontsize=10)
        axes = figure.subplots(2 + channels, columns, squeeze=False)
        _draw_images(axes, explanation)
        for number in range(channels):
            _draw_difference(figure, axes[2 + number], explanation, number)
        figure.supxlabel(DISCLAIMER, fontsize=7, color="0.35")
        return save(figure, path)


def _draw_images(axes: np.ndarray[tuple[int, ...], np.dtype[np.object_]], explanation: Explanation) -> None:
    header, plane, at = explanation.header, _plane(explanation), middle_of(explanation.image, explanation.header)
    for row, (name, images) in enumerate(((MOVED, explanation.walked), ("decoded", explanation.decoded))):
        for axis, image in zip(axes[row], images, strict=True):
            axis.imshow(overlaid(cut(image, plane, at), header), aspect=aspect(header, plane), interpolation="nearest")
            bare(axis)
        axes[row][0].set_ylabel(name, fontsize=8)
    for number, axis in enumerate(axes[0]):
        axis.set_title(title_of(explanation, number), fontsize=8)


def title_of(explanation: Explanation, number: int) -> str:
    """Step in standard deviations of the log-hazard, hazard ratio to the subject, lesion volumes of its moved image."""
    step, ratio = explanation.steps[number], float(np.exp(explanation.log_hazard_ratio[number]))
    lines = [f"{step:+g} SD" if step else "subject itself", f"hazard × {ratio:.3g}"]
    overlays = [channel.name for channel in explanation.header.channels if channel.overlay]
    for name in overlays if explanation.walked_ml else ():
        soft, hard = explanation.walked_ml[name][number], explanation.walked_above_half_ml[name][number]
        lines += [f"{name} {soft:.1f} ml", f"in red {hard:.1f} ml"]
    return "\n".join(lines)


def _draw_difference(
    figure: Figure, axes: np.ndarray[tuple[int, ...], np.dtype[np.object_]], explanation: Explanation, number: int
) -> None:
    header, plane = explanation.header, _plane(explanation)
    channel, at = header.channels[number], middle_of(explanation.image, explanation.header)
    low, high = channel.window
    flat = cut(explanation.difference[:, number], plane, at) * (high - low)
    reach = float(np.abs(flat).max()) or 1.0
    for axis, values in zip(axes, flat, strict=True):
        shown = axis.imshow(
            values, cmap="RdBu_r", vmin=-reach, vmax=reach, aspect=aspect(header, plane), interpolation="nearest"
        )
        bare(axis)
    unit = channel.unit or "fraction" if channel.overlay or channel.organ else channel.unit
    axes[0].set_ylabel(f"difference,\n{channel.name}", fontsize=8)
    bar = figure.colorbar(shown, ax=_list(axes), shrink=0.85, pad=0.01, fraction=0.02)
    bar.set_label(unit, fontsize=7)
    bar.ax.tick_params(labelsize=7)


def _list(axes: np.ndarray[tuple[int, ...], np.dtype[np.object_]]) -> list[Axes]:
    return list(axes.tolist())


def _plane(explanation: Explanation) -> str:
    return "axial" if len(explanation.header.shape) == 3 else ""
