"""Brier score over time of held-out subjects beside the Kaplan–Meier null model, one panel a model."""

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
    """BS(t) of one model: values with their interval, each (T,), and the integrated score. Lower is better."""

    score: Float
    low: Float
    high: Float
    integrated: Metric


def draw_brier(
    curves: Mapping[str, BrierCurve], null: BrierCurve, times: Float, time_unit: str, title: str, path: Path
) -> list[Path]:
    """Draw the curves of the models, each beside that of the null model, to `path` as PNG and PDF.

    Parameters
    ----------
    curves
        One or more, by model.
    null
        Of Kaplan–Meier, which knows nothing of a subject.
    times, time_unit
        (T,) where the scores were taken.
    title
        Above all; says where data are synthetic.
    """
    with drawing():
        figure = new_figure(max(WIDTH * len(curves), 4.2) + 0.7, 3.6)
        entitle(figure, title)
        axes = figure.subplots(1, len(curves), squeeze=False, sharex=True, sharey=True)[0]
        for axis, (name, curve) in zip(axes, curves.items(), strict=True):
            axis.plot(times, null.score, color=GREY, ls="--", lw=1.2, label=f"Kaplan–Meier, IBS {_short(null)}")
            axis.plot(times, curve.score, color=BLUE, lw=1.5, label=f"{name}, IBS {_short(curve)}")
            axis.fill_between(times, curve.low, curve.high, color=BLUE, alpha=0.15, lw=0)
            axis.set_ylim(bottom=0)
            axis.set_xlim(times[0], times[-1])
            axis.set_xlabel(f"time ({time_unit})")
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, 1.2), fontsize=7.5)
        axes[0].set_ylabel("Brier score")
        return save(figure, path)


def _short(curve: BrierCurve) -> str:
    return with_interval(curve.integrated)
