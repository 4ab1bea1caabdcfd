"""Choice of τ: latent space for several τ, above C-index, IBS, reconstruction and order for each τ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from survembed.cohort.captions import data_name
from survembed.figures.latents import colour_scale, draw_projection
from survembed.figures.style import BLUE, GREEN, GREY, ORANGE, RED, drawing, entitle, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from survembed.workflows.tau import TauAdvice

MAX_PROJECTIONS = 6


def draw_tau(advice: TauAdvice, path: Path) -> list[Path]:
    """Draw the advice to `path` as PNG and PDF; crosses are censored subjects. The title marks synthetic data."""
    count = len(advice.rows)
    shown = np.unique(np.linspace(0, count - 1, min(count, MAX_PROJECTIONS)).round().astype(int))
    rows, embedded = [advice.rows[index] for index in shown], [advice.embedded[index] for index in shown]
    with drawing():
        figure = new_figure(max(8.0, 1.9 * len(shown)), 5.4)
        entitle(figure, f"{data_name(advice.title, advice.synthetic)}: {advice.model}, test subjects")
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[1.15, 1])[:, 0]
        axes = above.subplots(1, len(shown), squeeze=False)[0]
        for axis, row, projection in zip(axes, rows, embedded, strict=True):
            dots = draw_projection(axis, projection, colour_scale(embedded))
            mark = " (recommended)" if row.tau == advice.recommended else ""
            axis.set_title(f"τ = {row.tau:g}{mark}\norder {row.order:.2f}")
        above.colorbar(dots, ax=axes.tolist(), label=advice.colour, pad=0.01, shrink=0.8)
        _draw_curves(below.subplots(1, 4), advice)
        return save(figure, path)


def _draw_curves(axes: Sequence[Axes], advice: TauAdvice) -> None:
    position = np.arange(len(advice.rows))
    for axis, name, title in ((axes[0], "harrell_c", "C-index"), (axes[1], "ibs", "IBS")):
        metrics = [getattr(row, name) for row in advice.rows]
        value, low, high = np.array([[each.value, each.low, each.high] for each in metrics]).T
        axis.errorbar(position, value, [value - low, high - value], color=BLUE, marker="o", ms=4, capsize=2)
        axis.set_title(title, fontsize=9)
        if advice.nested and np.isfinite((own := getattr(advice.nested, name)).value):
            axis.axhline(own.value, color=GREY, lw=1, ls="--")
            axis.set_title(f"{title} (dashed: nested choice)", fontsize=8)
    axes[2].plot(position, [row.explained for row in advice.rows], color=GREEN, marker="o", ms=4, label="explained")
    if any(row.dice is not None for row in advice.rows):
        dice = [np.nan if row.dice is None else row.dice for row in advice.rows]
        axes[2].plot(position, dice, color=RED, marker="s", ms=4, label="Dice of lesion")
        axes[2].legend(frameon=False, fontsize=7)
    axes[2].set_title("reconstruction, not of test", fontsize=9)
    spread = [0.0 if np.isnan(row.order_sd) else row.order_sd for row in advice.rows]
    axes[3].errorbar(position, [row.order for row in advice.rows], spread, color=ORANGE, marker="o", ms=4, capsize=2)
    axes[3].set_title("order on PC 1", fontsize=9)
    for axis in axes:
        axis.set_xticks(position, [f"{row.tau:g}" for row in advice.rows], fontsize=8)
        axis.set_xlabel("τ")
        for index, row in enumerate(advice.rows):
            if row.tau == advice.recommended:
                axis.axvline(index, color="0.8", lw=6, zorder=0)
