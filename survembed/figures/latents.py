"""Figures 2 and 4 of the paper: subjects on a projection of their latents, one panel per model or τ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from survembed.figures.style import GREY, drawing, entitle, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.colors import Normalize

    from survembed.evaluation.projection import Projection

SIDE = 2.7
MAX_COLUMNS = 4
MAX_VECTOR_DOTS = 3000
"""A PDF stores more dots as pixels: it would take seconds to open."""


def draw_latents(projections: Mapping[str, Projection], colour: str, title: str, path: Path) -> list[Path]:
    """Draw projections of one cohort to `path` as PNG and PDF, one panel each.

    Parameters
    ----------
    projections
        By panel title, one or more.
    colour
        Label of the colour bar, which all panels share.
    title
        Title of the figure; it marks synthetic data.
    """
    from matplotlib.lines import Line2D

    rows = ceil(len(projections) / MAX_COLUMNS)
    columns = ceil(len(projections) / rows)
    with drawing():
        figure = new_figure(max(SIDE * columns + 0.9, 5.2), (SIDE + 0.25) * rows + 0.9)
        entitle(figure, title)
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        scale = colour_scale(list(projections.values()))
        for axis, (name, projection) in zip(axes, projections.items(), strict=False):
            dots = draw_projection(axis, projection, scale)
            axis.set_title(name)
        for axis in axes[len(projections) :]:
            axis.set_axis_off()
        figure.colorbar(dots, ax=axes.tolist(), label=colour, pad=0.02, shrink=0.85, aspect=25)
        kinds = [
            Line2D([], [], marker=marker, color=GREY, ls="", ms=4, label=label)
            for marker, label in (("o", "event"), ("x", "censored"))
        ]
        figure.legend(handles=kinds, loc="outside lower center", ncols=2, handletextpad=0.1)
        return save(figure, path)


def colour_scale(projections: Sequence[Projection]) -> Normalize:
    """One colour scale for all projections; for durations on the square root, as most are short."""
    from matplotlib.colors import Normalize, PowerNorm

    ends = min(float(each.colour.min()) for each in projections), max(float(each.colour.max()) for each in projections)
    return PowerNorm(0.5, *ends) if projections[0].by == "duration" else Normalize(*ends)


def draw_projection(axis: Axes, projection: Projection, scale: Normalize) -> PathCollection:
    """Draw the subjects of one projection, crosses for censored ones; returns the dots, for a colour bar."""
    few = len(projection.points) <= 500
    for kind, marker, size, width in ((False, "x", 12, 0.8), (True, "o", 11, 0.0)):
        chosen = projection.event == kind
        dots = axis.scatter(
            projection.points[chosen, 0],
            projection.points[chosen, 1],
            c=projection.colour[chosen],
            s=size if few else size / 2,
            lw=width,
            marker=marker,
            cmap="viridis",
            norm=scale,
            rasterized=len(projection.points) > MAX_VECTOR_DOTS,
        )
    names = ("UMAP 1", "UMAP 2")
    if projection.explained:
        names = (f"PC 1 ({projection.explained[0]:.0%})", f"PC 2 ({projection.explained[1]:.0%})")
    axis.set(xlabel=names[0], ylabel=names[1], xticks=[], yticks=[])
    axis.set_aspect("equal", adjustable="datalim")  # a distance is the same in both directions
    return dots
