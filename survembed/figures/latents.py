"""Figures 2 and 4 of the paper: subjects on the plane of their latents, models or values of τ side by side."""

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
MOST_IN_A_ROW = 4
MOST_VECTOR_DOTS = 3000
"""A PDF holds more of them as a picture, else it takes seconds to open."""


def draw_latents(planes: Mapping[str, Projection], colour: str, title: str, path: Path) -> list[Path]:
    """Draw planes of one cohort to `path` as PNG and PDF, each under its name.

    Parameters
    ----------
    planes
        One or more, by name.
    colour
        What their colour is, for the colour bar; one scale for all.
    title
        Above all of them; says where data are synthetic.
    """
    from matplotlib.lines import Line2D

    rows = ceil(len(planes) / MOST_IN_A_ROW)
    columns = ceil(len(planes) / rows)
    with drawing():
        figure = new_figure(max(SIDE * columns + 0.9, 5.2), (SIDE + 0.25) * rows + 0.9)
        entitle(figure, title)
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        scale = scale_of(list(planes.values()))
        for axis, (name, plane) in zip(axes, planes.items(), strict=False):
            dots = draw_plane(axis, plane, scale)
            axis.set_title(name)
        for axis in axes[len(planes) :]:
            axis.set_axis_off()
        figure.colorbar(dots, ax=axes.tolist(), label=colour, pad=0.02, shrink=0.85, aspect=25)
        kinds = [
            Line2D([], [], marker=marker, color=GREY, ls="", ms=4, label=label)
            for marker, label in (("o", "event"), ("x", "censored"))
        ]
        figure.legend(handles=kinds, loc="outside lower center", ncols=2, handletextpad=0.1)
        return save(figure, path)


def scale_of(planes: Sequence[Projection]) -> Normalize:
    """One scale of colour for all planes; of durations by their square root, as most are short."""
    from matplotlib.colors import Normalize, PowerNorm

    ends = min(float(each.colour.min()) for each in planes), max(float(each.colour.max()) for each in planes)
    return PowerNorm(0.5, *ends) if planes[0].by == "duration" else Normalize(*ends)


def draw_plane(axis: Axes, plane: Projection, scale: Normalize) -> PathCollection:
    """Subjects of one plane, crosses where censored; the dots, for a colour bar."""
    few = len(plane.points) <= 500
    for kind, marker, size, width in ((False, "x", 12, 0.8), (True, "o", 11, 0.0)):
        chosen = plane.event == kind
        dots = axis.scatter(
            plane.points[chosen, 0],
            plane.points[chosen, 1],
            c=plane.colour[chosen],
            s=size if few else size / 2,
            lw=width,
            marker=marker,
            cmap="viridis",
            norm=scale,
            rasterized=len(plane.points) > MOST_VECTOR_DOTS,
        )
    names = ("UMAP 1", "UMAP 2")
    if plane.explained:
        names = (f"PC 1 ({plane.explained[0]:.0%})", f"PC 2 ({plane.explained[1]:.0%})")
    axis.set_xlabel(names[0])
    axis.set_ylabel(names[1])
    axis.set_xticks([])
    axis.set_yticks([])
    return dots
