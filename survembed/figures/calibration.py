"""Observed against predicted risk of test subjects, one panel per model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from survembed.figures.style import BLUE, GREY, drawing, entitle, new_figure, p_value_text, save
from survembed.survival.bootstrap import with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from survembed.evaluation.scores import Calibration

SIDE = 3.0


def draw_calibration(calibrations: Mapping[str, Calibration], time_unit: str, title: str, path: Path) -> list[Path]:
    """Draw the calibration curve of each model to `path` as PNG and PDF.

    Parameters
    ----------
    calibrations
        By model, one or more.
    time_unit
        Unit of the horizon.
    title
        Title of the figure; it marks synthetic data.
    """
    with drawing():
        figure = new_figure(max(SIDE * len(calibrations), 4.2) + 0.7, SIDE + 1.1)
        entitle(figure, title)
        axes = figure.subplots(1, len(calibrations), squeeze=False, sharex=True, sharey=True)[0]
        for axis, (name, calibration) in zip(axes, calibrations.items(), strict=True):
            _draw_panel(axis, name, calibration)
            axis.set_xlabel(f"predicted risk at {calibration.horizon:.4g} {time_unit}")
        axes[0].set_ylabel("observed risk (1 − Kaplan–Meier)")
        return save(figure, path)


def _draw_panel(axis: Axes, name: str, calibration: Calibration) -> None:
    curve = calibration.curve
    axis.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls="--", zorder=0)
    errors = np.maximum(0, [curve.observed - curve.low, curve.high - curve.observed])
    style: dict[str, Any] = {"color": BLUE, "fmt": "o-", "ms": 4, "lw": 0.8, "elinewidth": 0.9, "capsize": 2}
    axis.errorbar(curve.predicted, curve.observed, errors, **style)
    axis.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    axis.set_box_aspect(1)
    p_value = p_value_text(calibration.d_calibration.p_value)
    axis.set_title(f"{name}\nslope {with_interval(calibration.slope)}\nD-calibration {p_value}", fontsize=8)
