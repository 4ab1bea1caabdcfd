"""Forest plot of the latent dimensions: hazard ratios of refitted Cox models with intervals, and exp(ψ·sd)."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from survembed.cohort.captions import data_name
from survembed.figures.style import BLUE, GREY, ORANGE, RED, drawing, entitle, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from survembed.survival.outcome import Float
    from survembed.workflows.importance import CovariateEffect, Dimension, Importance

LARGEST_RATIO = 100.0
"""Larger ratios, or smaller than its inverse, come from models with too little data; an arrow marks them."""

SILENT = 0.005
"""Smaller effects of one standard deviation on the log-hazard, half a per cent, are none."""


def draw_importance(importance: Importance, path: Path) -> list[Path]:
    """Draw hazard ratios for one standard deviation of μ to `path` as PNG and PDF.

    The strongest dimension is at the top, the covariates of the model follow; dimensions that are left out of the Cox
    models share the last line. With competing causes the head has a marker for any event, and one for each. An arrow
    marks what extends beyond the axis. The title marks synthetic data.
    """
    from matplotlib.ticker import LogLocator

    shown = sorted((each for each in importance.dimensions if not _is_silent(each)), key=_strength, reverse=True)
    dimensions: list[Dimension | CovariateEffect] = [*shown, *importance.covariates]
    silent = [f"z{each.number}" for each in importance.dimensions if _is_silent(each)]
    with drawing():
        figure = new_figure(6.4, 1.5 + 0.36 * (len(dimensions) + bool(silent)))
        axis = figure.subplots()
        intervals = []
        of = " on μ and covariates" if importance.covariates else " on μ"
        for shift, colour, marker, fit, name in (
            (-0.14, BLUE, "s", "train", "training part"),
            (0.14, ORANGE, "o", "test", "test part"),
        ):
            fitted = [
                (index + shift, getattr(each, fit)) for index, each in enumerate(dimensions) if getattr(each, fit)
            ]
            if fitted:
                rows = np.array([[y, each.value, each.low, each.high] for y, each in fitted])
                y, value, low, high = rows.T
                style: dict[str, Any] = {"fmt": marker, "ms": 4, "color": colour, "capsize": 2}
                label = f"Cox model{of}, {name}"
                axis.errorbar(value, y, xerr=[value - low, high - value], label=label, **style)
                intervals.append((colour, rows))
        head = [(number, each.slope) for number, each in enumerate(dimensions) if each.slope is not None]
        if head:
            rows_of_head, slopes = zip(*head, strict=True)
            axis.scatter(np.exp(slopes), rows_of_head, marker="D", s=18, color=RED, zorder=3, label="head of the run")
        for marker, (cause, by_dimension) in zip(cycle("^v<>"), importance.causes.items(), strict=False):
            of_cause = np.exp([by_dimension[each.number] for each in shown])
            label = f"head of the run, {cause}"
            axis.scatter(of_cause, range(len(shown)), marker=marker, s=22, fc="none", ec=RED, zorder=3, label=label)
        axis.axvline(1, color="0.6", lw=0.8, zorder=0)
        axis.set_xscale("log")
        first, last = axis.get_xlim()
        axis.set_xlim(max(first, 1 / LARGEST_RATIO), min(last, LARGEST_RATIO))
        for colour, rows in intervals:
            _draw_arrows(axis, rows, colour)
        axis.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axis.xaxis.set_major_formatter("{x:g}")  # 0.1 in place of 10⁻¹
        axis.xaxis.set_minor_formatter("{x:g}")
        names = [each.name for each in dimensions]
        if silent:
            names.append("silent")
            text = f"{', '.join(silent)}: left out of the Cox models"
            axis.text(
                0.02,
                len(dimensions),
                "\n".join(wrap(text, 80)),
                va="center",
                fontsize=8,
                color=GREY,
                transform=axis.get_yaxis_transform(),
            )
        axis.set_yticks(range(len(names)), names)
        axis.set_ylim(len(names) - 0.5, -0.5)
        unit = "hazard ratio for one standard deviation of μ"
        axis.set_xlabel(f"adjusted {unit} or of a number, or against the reference" if importance.covariates else unit)
        entitle(figure, f"{data_name(importance.title, importance.synthetic)}: {importance.model}, hazard ratios")
        if intervals or head:
            figure.legend(loc="outside lower center", frameon=False, fontsize=8, ncols=3)
        return save(figure, path)


def _is_silent(dimension: Dimension) -> bool:
    """Whether a dimension is left out of the Cox models and has no effect in the head either."""
    return bool(dimension.note) and abs(dimension.psi_sd or 0.0) < SILENT


def _strength(dimension: Dimension) -> float:
    """Size of the effect of one standard deviation on the log-hazard: of the head, or else of a Cox model."""
    if dimension.psi_sd is not None:
        return abs(dimension.psi_sd)
    fit = dimension.train or dimension.test
    return abs(float(np.log(fit.value))) if fit else 0.0


def _draw_arrows(axis: Axes, rows: Float, colour: str) -> None:
    """Mark the intervals (n, 4) of y, value, low and high that extend beyond the limits of `axis`."""
    first, last = axis.get_xlim()
    y, _, low, high = rows.T
    for outside, edge, arrow in ((low < first, first, "<"), (high > last, last, ">")):
        axis.plot(np.full(outside.sum(), edge), y[outside], arrow, color=colour, ms=5, clip_on=False)
