"""Figure 3 of the paper: decoded images, one row per latent dimension, one column per step; lesions in colours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.captions import data_name
from survembed.evaluation.reencoding import differing
from survembed.figures.slices import cut, draw_scale, hide_frame, overlaid, overlay_text, planes_of
from survembed.figures.style import RED, annotate, drawing, entitle, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from survembed.cohort.subjects import CohortHeader
    from survembed.workflows.traverse import Traversal, Walk

IMAGE_SIDE = 0.95
LABEL_HEIGHT = 0.16
TEXT_WIDTH = 1.9


def draw_traversal(traversal: Traversal, path: Path) -> list[Path]:
    """Draw a traversal to `path` as PNG and PDF.

    Volumes are shown in the middle axial slice in radiological convention; the red of a lesion is as strong as its
    decoded fraction. Under each image are the hazard that the head claims and the model's own of that image encoded
    again, both relative to the start; they are coloured where they differ. The text on the right of a row gives the
    hazard ratio per SD, that of a Cox model refitted on the test set, and at the first and last step the volume of each
    mask (sum of its fractions). Silent dimensions are named in the last line. The title marks synthetic data.
    """
    header = traversal.header
    rows, columns = len(traversal.walks), len(traversal.steps)
    tall = IMAGE_SIDE if len(header.shape) > 1 else max(IMAGE_SIDE, 0.17 * len(header.features) + 0.2)
    tall += LABEL_HEIGHT if traversal.walks and traversal.walks[0].log_hazard is not None else 0.0
    with drawing():
        figure = new_figure(0.5 + IMAGE_SIDE * columns + TEXT_WIDTH, 0.9 + tall * rows)
        entitle(figure, _title(traversal))
        annotate(figure, _notes(traversal), 8)
        ratios = [columns * IMAGE_SIDE, TEXT_WIDTH] if len(header.shape) == 1 else [*[IMAGE_SIDE] * columns, TEXT_WIDTH]
        grid = figure.subplots(rows, len(ratios), width_ratios=ratios, squeeze=False)
        for index, (axes, walk) in enumerate(zip(grid, traversal.walks, strict=True)):
            _draw_row(axes, walk, traversal, first=index == 0)
        return save(figure, path)


def _title(traversal: Traversal) -> str:
    unit = "standard deviations of the training μ" if traversal.axes == "standardised" else "raw latent units"
    origin = traversal.start if traversal.start in ("zero", "mean of training") else f"subject {traversal.start}"
    data = data_name(traversal.header.title, traversal.header.synthetic)
    at = f"\nat {traversal.covariates}" if traversal.covariates else ""
    return f"{data}: {traversal.model}, from {origin}, in {unit}{at}"


def _draw_row(axes: Sequence[Axes], walk: Walk, traversal: Traversal, *, first: bool) -> None:
    if len(traversal.header.shape) == 1:
        _draw_table(axes[0], walk, traversal, first=first)
    else:
        for index, (axis, step) in enumerate(zip(axes[:-1], traversal.steps, strict=True)):
            axis.imshow(middle_slice(walk.images[index], traversal.header), interpolation="nearest", vmin=0, vmax=1)
            hide_frame(axis)
            _label_hazard(axis, walk, index)
            if first:
                axis.set_title(f"{step:+g}" if step else "0", fontsize=9)
        if first:
            draw_scale(axes[0], traversal.header, planes_of(traversal.header)[0])
    hazard = f"hazard of\n{traversal.cause}" if traversal.cause else "hazard"
    axes[0].set_ylabel(hazard if walk.name == "risk" else walk.name, rotation=0, ha="right", va="center", fontsize=10)
    axes[-1].set_axis_off()
    axes[-1].text(0.02, 0.5, _row_text(walk), va="center", fontsize=8, transform=axes[-1].transAxes)


def _label_hazard(axis: Axes, walk: Walk, index: int) -> None:
    if walk.log_hazard is None or walk.reencoded is None:
        return
    claimed, again = walk.log_hazard[index], walk.reencoded[index]
    differs = bool(differing(np.array([claimed]), np.array([again])))
    label = f"× {np.exp(claimed):.2g} → × {np.exp(again):.2g}"
    axis.set_xlabel(label, fontsize=6.5, labelpad=1.5, color=RED if differs else "black")


def _row_text(walk: Walk) -> str:
    lines = hazard_ratio_lines(walk)
    for name, volumes in walk.volumes_ml.items():
        lines.append(f"{name} {volumes[0]:.1f} → {volumes[-1]:.1f} ml")
    return "\n".join(lines)


def hazard_ratio_lines(walk: Walk) -> list[str]:
    """Hazard ratio per SD of the model, and on the test set with its interval; empty without a head."""
    if walk.hr_per_sd is None:
        return []
    ratio, test = [f"HR per SD {walk.hr_per_sd:.3g}"], walk.test
    if test is None:
        return [*ratio, "test set: none"] if walk.test_reason else ratio
    return [*ratio, f"test set {test.text}"]


def _notes(traversal: Traversal) -> list[str]:
    """Lines under the figure."""
    has_head = traversal.walks and traversal.walks[0].log_hazard is not None
    notes = ["under each image: hazard claimed → the model's own of that image (encoded again), relative to the start"]
    red = overlay_text(traversal.header)
    return [
        *(notes if has_head else []),
        *traversal.unrated,
        *([red] if red else []),
        *([silent_text(traversal.silent)] if traversal.silent else []),
    ]


def silent_text(dimensions: Sequence[int]) -> str:
    """Sentence that replaces the rows of silent dimensions."""
    return f"not drawn, as they carry nothing of the image: {', '.join(f'z{number}' for number in dimensions)}"


def _draw_table(axis: Axes, walk: Walk, traversal: Traversal, *, first: bool) -> None:
    """Draw decoded columns of a table, each scaled to its range in this row."""
    values = walk.images[:, 0].T
    value_range = np.ptp(values, axis=1, keepdims=True)
    shown = (values - values.min(axis=1, keepdims=True)) / np.where(value_range > 0, value_range, 1.0)
    axis.imshow(shown, aspect="auto", cmap="cividis", vmin=0, vmax=1)
    axis.set_yticks(range(len(values)), traversal.header.features or [str(i) for i in range(len(values))], fontsize=6)
    axis.set_xticks(range(len(traversal.steps)), [f"{step:+g}" for step in traversal.steps] if first else [])
    axis.xaxis.tick_top()
    axis.tick_params(length=0)


def middle_slice(image: NDArray[np.float32], header: CohortHeader) -> NDArray[np.float32]:
    """Image (C, *spatial) as RGB (h, w, 3) in [0, 1]; see `overlaid`.

    Of a volume (x, y, z) in RAS order, the middle axial slice: anterior at the top, right of the subject on the left.
    """
    plane = planes_of(header)[0]
    return overlaid(cut(image, plane, tuple(edge // 2 for edge in header.shape)), header)
