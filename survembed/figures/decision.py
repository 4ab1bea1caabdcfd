"""Decision curves on the test set: net benefit of treating by a model, of treating all and of treating nobody."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from survembed.figures.style import BLUE, GREY, drawing, entitle, new_figure, save
from survembed.survival.horizons import horizon_text

if TYPE_CHECKING:
    from survembed.survival.decision_curve import DecisionCurve

WIDTH = 3.2


def draw_decision(curves: Mapping[str, DecisionCurve], time_unit: str, title: str, path: Path) -> list[Path]:
    """Draw the net benefit of each model over the threshold to `path` as PNG and PDF, one panel per model.

    Parameters
    ----------
    curves
        By model, one or more, at one horizon.
    time_unit
        Of the horizon.
    title
        Title of the figure; it marks synthetic data.
    """
    first = next(iter(curves.values()))
    with drawing():
        figure = new_figure(max(WIDTH * len(curves), 4.2) + 0.7, 3.6)
        entitle(figure, title)
        axes = figure.subplots(1, len(curves), squeeze=False, sharex=True, sharey=True)[0]
        for axis, (name, curve) in zip(axes, curves.items(), strict=True):
            axis.plot(curve.thresholds, curve.treat_all, color=GREY, ls="--", lw=1.2, label="treat all")
            axis.axhline(0.0, color=GREY, lw=1.2, label="treat none")
            axis.plot(curve.thresholds, curve.net_benefit, color=BLUE, lw=1.5, label=name)
            axis.set_xlim(0.0, 1.0)
            axis.set_xlabel(f"threshold: risk of an event by {horizon_text(curve.horizon, time_unit)}")
            axis.legend(loc="upper right", fontsize=7.5)
        top = max(float(first.treat_all[0]), 0.05)
        axes[0].set_ylim(-0.25 * top, 1.1 * top)
        axes[0].set_ylabel("net benefit")
        return save(figure, path)
