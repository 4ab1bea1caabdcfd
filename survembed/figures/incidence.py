"""Incidence of competing causes in groups of predicted risk, and its calibration; one panel per model and cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from survembed.figures.style import BLUE, GREY, drawing, entitle, new_figure, save
from survembed.figures.survival import LINES, NAMES, STYLES

if TYPE_CHECKING:
    from survembed.survival.competing_risks import IncidenceCalibration
    from survembed.survival.incidence_groups import IncidenceGroup
    from survembed.survival.outcome import Float

SIDE = 3.3


def draw_incidence(
    groups: Mapping[str, Sequence[IncidenceGroup]], times: Float, time_unit: str, title: str, path: Path
) -> list[Path]:
    """Draw observed and mean predicted incidence of the groups of each panel to `path` as PNG and PDF.

    Parameters
    ----------
    groups
        By name of the panel: one to four groups by increasing predicted risk of its cause.
    times
        (T,) of the predictions.
    time_unit, title
        Unit of the durations; title of the figure, which marks synthetic data.
    """
    with drawing():
        figure = new_figure(max(SIDE * len(groups), 4.4) + 0.7, SIDE + 1.3)
        entitle(figure, title)
        axes = figure.subplots(1, len(groups), squeeze=False, sharex=True, sharey=True)[0]
        for axis, (name, curves) in zip(axes, groups.items(), strict=True):
            for curve, style, group in zip(curves, STYLES[len(curves)], NAMES[len(curves)], strict=True):
                colour = LINES[style][0]
                label = f"{group} risk: {curve.n_events} events in {curve.n} subjects"
                observed = np.concatenate([[0.0], curve.observed])
                axis.step(
                    np.concatenate([[0.0], curve.times]), observed, where="post", color=colour, lw=1.4, label=label
                )
                axis.plot(times, curve.predicted, color=colour, lw=1.0, ls=(0, (4, 2)))
            axis.set(xlabel=f"time ({time_unit})", ylim=(0, 1.02))
            axis.set_xlim(left=0)
            axis.legend(title=name, title_fontsize=9, fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.0))
        axes[0].set_ylabel("cumulative incidence")
        return save(figure, path)


def draw_incidence_calibration(
    calibrations: Mapping[str, IncidenceCalibration], horizon: float, time_unit: str, title: str, path: Path
) -> list[Path]:
    """Draw observed against predicted incidence at `horizon` of each panel to `path` as PNG and PDF."""
    with drawing():
        figure = new_figure(max(SIDE * len(calibrations), 4.4) + 0.7, SIDE + 1.1)
        entitle(figure, title)
        axes = figure.subplots(1, len(calibrations), squeeze=False, sharex=True, sharey=True)[0]
        for axis, (name, groups) in zip(axes, calibrations.items(), strict=True):
            axis.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls="--", zorder=0)
            axis.plot(groups.predicted, groups.observed, "o-", color=BLUE, ms=4, lw=0.8)
            axis.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
            axis.set_box_aspect(1)
            axis.set_title(name, fontsize=8)
            axis.set_xlabel(f"predicted incidence by {horizon:.4g} {time_unit}")
        axes[0].set_ylabel("observed incidence (Aalen–Johansen)")
        return save(figure, path)
