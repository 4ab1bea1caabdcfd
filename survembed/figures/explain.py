"""One subject moved along the hazard: moved and decoded image of each step, and their difference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from survembed.cohort.captions import DISCLAIMER, data_name
from survembed.figures.slices import (
    aspect,
    cut,
    draw_scale,
    hide_frame,
    middle_of,
    organ_of,
    overlaid,
    overlay_text,
    planes_of,
)
from survembed.figures.style import annotate, drawing, new_figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from survembed.workflows.explain import Explanation

    Grid = np.ndarray[tuple[int, ...], np.dtype[np.object_]]

CELL = 1.35
SIDE = 1.2
MOVED = "image of the\nsubject, moved"


def draw_explanation(explanation: Explanation, path: Path) -> list[Path]:
    """Draw the explanation to `path` as PNG and PDF, in the axial slice through the middle of the lesion.

    Rows from the top: the image of the subject with the decoded difference added; the decoded image; and for each
    channel the difference to the reconstruction of the subject, in the unit of the channel (red: increase, blue:
    decrease), inside the organ of the subject. The titles give the hazard that is claimed for a step, and the model's
    own of the moved image encoded again. The title of the figure marks synthetic data.
    """
    header, steps = explanation.header, explanation.steps
    channels, columns = len(header.channels), len(steps)
    with drawing():
        figure = new_figure(SIDE + CELL * columns + 0.5, 1.5 + CELL * (2 + channels))
        data = data_name(header.title, header.synthetic)
        at = f"\nat {explanation.covariates}" if explanation.covariates else ""
        figure.suptitle(f"{data}: {explanation.model}, subject {explanation.subject} along its hazard{at}", fontsize=10)
        axes = figure.subplots(2 + channels, columns, squeeze=False)
        _draw_images(axes, explanation)
        for number in range(channels):
            _draw_difference(figure, axes[2 + number], explanation, number)
        notes = [text for text in (overlay_text(header), DISCLAIMER) if text]
        annotate(figure, notes, 7, color="0.35")
        return save(figure, path)


def _draw_images(axes: Grid, explanation: Explanation) -> None:
    header, at = explanation.header, middle_of(explanation.image, explanation.header)
    plane = planes_of(header)[0]
    for row, (name, images) in enumerate(((MOVED, explanation.walked), ("decoded", explanation.decoded))):
        for axis, image in zip(axes[row], images, strict=True):
            axis.imshow(overlaid(cut(image, plane, at), header), aspect=aspect(header, plane), interpolation="nearest")
            hide_frame(axis)
        draw_scale(axes[row][0], header, plane)
        axes[row][0].set_ylabel(name, fontsize=8)
    for number, axis in enumerate(axes[0]):
        axis.set_title(step_title(explanation, number), fontsize=8)


def step_title(explanation: Explanation, number: int) -> str:
    """Step in SDs of the log-hazard, hazard ratios to the subject (claimed; of the image below), and lesion volumes."""
    step = explanation.steps[number]
    claimed, again = (float(np.exp(of[number])) for of in (explanation.log_hazard_ratio, explanation.reencoded))
    lines = [f"{step:+g} SD" if step else "subject itself", f"claimed × {claimed:.3g}", f"re-encoded × {again:.3g}"]
    overlays = [channel.name for channel in explanation.header.channels if channel.overlay]
    for name in overlays if explanation.walked_ml else ():
        lines.append(f"{name} {explanation.walked_ml[name][number]:.1f} ml")
    return "\n".join(lines)


def _draw_difference(figure: Figure, axes: Grid, explanation: Explanation, number: int) -> None:
    header, channel = explanation.header, explanation.header.channels[number]
    plane = planes_of(header)[0]
    low, high = channel.window
    inside = np.where(organ_of(explanation.image, header), explanation.difference[:, number], np.nan)
    slices = cut(inside, plane, middle_of(explanation.image, header)) * (high - low)
    limit = float(np.nanmax(np.abs(slices), initial=0.0)) or 1.0
    style: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit, "aspect": aspect(header, plane)}
    for axis, values in zip(axes, slices, strict=True):
        shown = axis.imshow(values, interpolation="nearest", **style)
        hide_frame(axis)
    unit = channel.unit or "fraction" if channel.overlay or channel.organ else channel.unit
    axes[0].set_ylabel(f"difference,\n{channel.name}", fontsize=8)
    bar = figure.colorbar(shown, ax=axes.tolist(), shrink=0.85, pad=0.01, fraction=0.02)
    bar.set_label(unit, fontsize=7)
    bar.ax.tick_params(labelsize=7)
