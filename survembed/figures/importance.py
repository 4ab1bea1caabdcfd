"""Forest plot of the latent dimensions: hazard ratios of refitted Cox models with intervals, and exp(ψ·sd)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from survembed.cohort.captions import data_name
from survembed.figures.style import BLUE, ORANGE, RED, drawing, entitle, new_figure, save

LARGEST_RATIO = 100.0
"""Larger ratios, or smaller than its inverse, come from models with too little data; an arrow marks them."""

if TYPE_CHECKING:
    from survembed.workflows.importance import Importance


def draw_importance(importance: Importance, path: Path) -> list[Path]:
    """Draw hazard ratios for one standard deviation of μ to `path` as PNG and PDF. The title marks synthetic data."""
    from matplotlib.ticker import LogLocator

    dimensions = importance.dimensions
    with drawing():
        figure = new_figure(6.4, 1.5 + 0.36 * len(dimensions))
        axis = figure.subplots()
        place = np.arange(len(dimensions), dtype=float)
        for shift, colour, marker, fit, name in (
            (-0.14, BLUE, "s", "train", "training part"),
            (0.14, ORANGE, "o", "test", "test part"),
        ):
            fitted = [index for index, each in enumerate(dimensions) if getattr(each, fit)]
            if fitted:
                ratios = [getattr(dimensions[index], fit) for index in fitted]
                value, low, high = np.array([[each.value, each.low, each.high] for each in ratios]).T
                style: dict[str, Any] = {
                    "fmt": marker,
                    "ms": 4,
                    "color": colour,
                    "capsize": 2,
                    "label": f"Cox model on μ, {name}",
                }
                axis.errorbar(value, place[fitted] + shift, xerr=[value - low, high - value], **style)
                for outside, edge, arrow in (
                    (value > LARGEST_RATIO, LARGEST_RATIO, ">"),
                    (value < 1 / LARGEST_RATIO, 1 / LARGEST_RATIO, "<"),
                ):
                    axis.plot(np.full(outside.sum(), edge), (place[fitted] + shift)[outside], arrow, color=colour, ms=4)
        head = [(number, each.psi_sd) for number, each in enumerate(dimensions) if each.psi_sd is not None]
        if head:
            rows, slopes = zip(*head, strict=True)
            axis.scatter(np.exp(slopes), rows, marker="D", s=18, color=RED, zorder=3, label="head of the run")
        axis.axvline(1, color="0.6", lw=0.8, zorder=0)
        axis.set_xscale("log")
        low, high = axis.get_xlim()
        axis.set_xlim(max(low, 1 / LARGEST_RATIO), min(high, LARGEST_RATIO))
        axis.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axis.xaxis.set_major_formatter("{x:g}")  # 0.1 in place of 10⁻¹
        axis.xaxis.set_minor_formatter("{x:g}")
        axis.set_yticks(place, [f"z{each.number}" for each in dimensions])
        axis.invert_yaxis()
        axis.set_xlabel("hazard ratio for one standard deviation of μ")
        entitle(figure, f"{data_name(importance.title, importance.synthetic)}: {importance.model}, hazard ratios")
        figure.legend(loc="outside lower center", frameon=False, fontsize=8, ncols=3)
        return save(figure, path)
