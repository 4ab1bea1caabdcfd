"""Kaplan–Meier curves of test subjects by predicted risk, above the numbers at risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from survembed.figures.style import BLUE, GREEN, ORANGE, RED, drawing, entitle, new_figure, p_value_text, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from survembed.survival.risk_groups import GroupCurve, LogRank

WIDTH = 3.5
STYLES = {1: (0,), 2: (0, 3), 3: (0, 2, 3), 4: (0, 1, 2, 3)}
LINES = ((BLUE, "-"), (GREEN, (0, (5, 1.5))), (ORANGE, (0, (3, 1, 1, 1))), (RED, "-"))
NAMES = {1: ("all",), 2: ("low", "high"), 3: ("low", "middle", "high"), 4: ("low", "low-middle", "high-middle", "high")}


def draw_survival(
    groups: Mapping[str, tuple[Sequence[GroupCurve], LogRank | None]], time_unit: str, title: str, path: Path
) -> list[Path]:
    """Draw the curves of each model to `path` as PNG and PDF.

    Parameters
    ----------
    groups
        By model: one to four curves by increasing predicted risk, and their log-rank test.
    time_unit
        Unit of the durations.
    title
        Title of the figure; it marks synthetic data.
    """
    n_groups = max(len(curves) for curves, _ in groups.values())
    with drawing():
        figure = new_figure(max(WIDTH * len(groups), 4.4) + 0.7, 3.9 + 0.32 * n_groups)
        figure.set_layout_engine("constrained", w_pad=0.14)  # numbers at risk extend beyond the axes
        entitle(figure, title)
        grid = figure.subplots(
            2, len(groups), squeeze=False, sharex=True, sharey="row", height_ratios=[11, 0.75 * n_groups]
        )
        longest = max(curve.times[-1] for curves, _ in groups.values() for curve in curves)
        for top, bottom, (name, (curves, test)) in zip(*grid, groups.items(), strict=True):
            top.set_xlim(0, longest)
            _draw_curves(top, curves, test, name)
            top.tick_params(labelbottom=True)
            top.set_xlabel(f"time ({time_unit})")
            _draw_numbers(bottom, curves)
        grid[0, 0].set_ylabel("survival")
        return save(figure, path)


def _draw_curves(axis: Axes, curves: Sequence[GroupCurve], test: LogRank | None, name: str) -> None:
    for curve, (colour, line), group in _styled(curves):
        times, survival, low, high = (
            np.concatenate([[start], values])
            for start, values in ((0, curve.times), (1, curve.survival), (1, curve.low), (1, curve.high))
        )
        label = f"{group} risk: {curve.n_events} events in {curve.n} subjects"
        axis.step(times, survival, where="post", color=colour, ls=line, lw=1.4, label=label)
        axis.fill_between(times, low, high, step="post", color=colour, alpha=0.15, lw=0)
        censored = np.unique(curve.duration[~curve.event])
        axis.plot(censored, survival[np.searchsorted(times, censored)], "|", color=colour, ms=4, mew=0.7)
    axis.set_ylim(0, 1.02)
    title = f"{name}: log-rank {p_value_text(test.p_value)}" if test else f"{name}: no log-rank test"
    above: dict[str, Any] = {
        "loc": "lower center",
        "bbox_to_anchor": (0.5, 1.0),
        "borderaxespad": 0.2,
    }  # never on the curves
    axis.legend(title=title, title_fontsize=9, fontsize=7, handlelength=2.4, **above)


def _draw_numbers(axis: Axes, curves: Sequence[GroupCurve]) -> None:
    ticks = [tick for tick in axis.get_xticks() if 0 <= tick <= axis.get_xlim()[1]]
    axis.set_xticks(ticks)  # also of the curves above, which share the axis
    for row, (curve, (colour, _), _) in enumerate(_styled(curves)):
        for tick, number in zip(ticks, curve.n_at_risk(np.array(ticks)), strict=True):
            axis.text(tick, row, str(number), ha="center", va="center", fontsize=7.5, color=colour, clip_on=False)
    axis.set_ylim(len(curves) - 0.4, -0.6)
    axis.set_yticks(range(len(curves)), [group for _, _, group in _styled(curves)], fontsize=7.5)
    axis.tick_params(length=0, labelbottom=False)
    axis.tick_params(axis="y", pad=14)  # the numbers at time 0 extend beyond the axis
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.set_title("number at risk", fontsize=7.5, loc="left", pad=2)


def _styled(curves: Sequence[GroupCurve]) -> list[tuple[GroupCurve, tuple[str, Any], str]]:
    names = NAMES[len(curves)]
    return [(curve, LINES[style], name) for curve, style, name in zip(curves, STYLES[len(curves)], names, strict=True)]
