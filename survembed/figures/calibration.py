"""Observed against predicted risk of held-out subjects, one panel a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from survembed.figures.style import BLUE, GREY, drawing, entitle, new_figure, save
from survembed.survival.bootstrap import with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from survembed.evaluation.scores import Calibration

SIDE = 3.0


def draw_calibration(calibrations: Mapping[str, Calibration], time_unit: str, title: str, path: Path) -> list[Path]:
    """Draw the calibration of each model to `path` as PNG and PDF.

    Parameters
    ----------
    calibrations
        One or more, by model.
    time_unit
        Of the horizon.
    title
        Above all; says where data are synthetic.
    """
    with drawing():
        figure = new_figure(max(SIDE * len(calibrations), 4.2) + 0.7, SIDE + 1.1)
        entitle(figure, title)
        axes = figure.subplots(1, len(calibrations), squeeze=False, sharex=True, sharey=True)[0]
        for axis, (name, found) in zip(axes, calibrations.items(), strict=True):
            _draw_panel(axis, name, found)
            axis.set_xlabel(f"predicted risk at {found.horizon:.4g} {time_unit}")
        axes[0].set_ylabel("observed risk (1 − Kaplan–Meier)")
        return save(figure, path)


def _draw_panel(axis: Axes, name: str, found: Calibration) -> None:
    curve = found.curve
    axis.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls="--", zorder=0)
    spread = np.maximum(0, [curve.observed - curve.low, curve.high - curve.observed])
    axis.errorbar(
        curve.predicted, curve.observed, spread, color=BLUE, fmt="o-", ms=4, lw=0.8, elinewidth=0.9, capsize=2
    )
    axis.set_xlim(-0.03, 1.03)
    axis.set_ylim(-0.03, 1.03)
    axis.set_aspect("equal")
    p = found.d_calibration.p_value
    lines = [
        name,
        f"slope {with_interval(found.slope)}",
        "D-calibration p < 0.001" if p < 0.001 else f"D-calibration p = {p:.3f}",
    ]
    axis.set_title("\n".join(lines), fontsize=8)
