"""Brier score over time on the test set, compared with the Kaplan–Meier null model; one panel per model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from survembed.figures.style import BLUE, GREY, drawing, entitle, new_figure, save
from survembed.survival.bootstrap import with_interval

if TYPE_CHECKING:
    from survembed.survival.bootstrap import Metric
    from survembed.survival.outcome import Float

WIDTH = 3.2


@dataclass(frozen=True)
class BrierCurve:
    """Brier score BS(t) of one model with its interval, (T,) each, and the integrated score. Lower is better."""

    score: Float
    low: Float
    high: Float
    integrated: Metric


def draw_brier(
    curves: Mapping[str, BrierCurve], null: BrierCurve, times: Float, time_unit: str, title: str, path: Path
) -> list[Path]:
    """Draw the curve of each model and that of the null model to `path` as PNG and PDF.

    Parameters
    ----------
    curves
        By model, one or more.
    null
        Curve of the Kaplan–Meier estimate, which predicts the same for all subjects.
    times, time_unit
        (T,) times of the scores, with their unit.
    title
        Title of the figure; it marks synthetic data.
    """
    with drawing():
        figure = new_figure(max(WIDTH * len(curves), 4.2) + 0.7, 3.6)
        entitle(figure, title)
        axes = figure.subplots(1, len(curves), squeeze=False, sharex=True, sharey=True)[0]
        for axis, (name, curve) in zip(axes, curves.items(), strict=True):
            axis.plot(
                times,
                null.score,
                color=GREY,
                ls="--",
                lw=1.2,
                label=f"Kaplan–Meier, IBS {with_interval(null.integrated)}",
            )
            axis.plot(times, curve.score, color=BLUE, lw=1.5, label=f"{name}, IBS {with_interval(curve.integrated)}")
            axis.fill_between(times, curve.low, curve.high, color=BLUE, alpha=0.15, lw=0)
            axis.set_ylim(bottom=0)
            axis.set_xlim(times[0], times[-1])
            axis.set_xlabel(f"time ({time_unit})")
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, 1.2), fontsize=7.5)
        axes[0].set_ylabel("Brier score")
        return save(figure, path)
