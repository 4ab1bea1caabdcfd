"""Learning curves: loss and terms over the updates, share of each term, latent space, and the selected update."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from survembed.figures.style import BLUE, COLOURS, GREY, ORANGE, drawing, entitle, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from survembed.survival.outcome import Float
    from survembed.workflows.history import History

COLUMNS = 3
NAMES = {
    "objective": "loss",
    "kl_nats": "KL divergence (nats)",
    "cox": "Cox loss",
    "active_units": "active latent dimensions",
    "reconstruction": "reconstruction loss",
}

LOGARITHMIC = ("kl_nats",)
"""Terms that span several powers of ten in one training."""


def draw_history(history: History, title: str, path: Path) -> list[Path]:
    """Draw learning curves to `path` as PNG and PDF; `title` marks synthetic data."""
    order = ["objective", "cox", "reconstruction", "kl_nats", "active_units"]
    terms = sorted(
        {*history.train, *history.validation}, key=lambda name: (order.index(name) if name in order else 9, name)
    )
    has_shares = len(history.shares) > 1
    numbers = _latent_space(history)
    count = len(terms) + len(numbers) + has_shares
    with drawing():
        columns = min(COLUMNS, count)
        rows = ceil(count / columns)
        figure = new_figure(2.9 * columns + 0.3, 2.1 * rows + 0.9)
        entitle(figure, title)
        axes = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
        for axis, name in zip(axes, terms, strict=False):
            _draw_term(axis, name, history)
        for axis, (title, curves) in zip(axes[len(terms) :], numbers.items(), strict=False):
            _draw_numbers(axis, title, curves, history)
        if has_shares:
            _draw_shares(axes[count - 1], history)
        for axis in axes[count:]:
            axis.set_axis_off()
        for number, axis in enumerate(axes[:count]):
            axis.axvline(history.best_update, color=GREY, lw=0.8, ls=":")
            axis.set_xlim(0, history.update[-1])
            if number + columns >= count:
                axis.set_xlabel("update")
                axis.tick_params(labelbottom=True)
        selected = f"selected weights (update {history.best_update})"
        handles = [
            axes[0].plot([], [], color=ORANGE, lw=1, label="training batch")[0],
            axes[0].plot([], [], color=GREY, lw=0.8, ls=":", label=selected)[0],
        ]
        if history.validation:
            handles.insert(1, axes[0].plot([], [], color=BLUE, lw=1.5, label="validation part")[0])
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
        return save(figure, path)


def _draw_term(axis: Axes, name: str, history: History) -> None:
    if name in history.train:
        axis.plot(history.update, history.train[name], color=ORANGE, lw=0.9)
    if name in history.validation:
        axis.plot(history.update, history.validation[name], color=BLUE, lw=1.5)
    axis.set_title(NAMES.get(name, name.replace("_", " ")))
    if name in LOGARITHMIC and any((values > 0).any() for values in _curves(name, history)):
        axis.set_yscale("log", nonpositive="mask")


def _latent_space(history: History) -> dict[str, dict[str, Float]]:
    """Curves of validation subjects by name, for each panel on the latent space."""
    correlation = {"": history.median_correlation} if np.isfinite(history.median_correlation).any() else {}
    panels = {"explained variance by channel": history.explained, "median |correlation| of dimensions": correlation}
    return {title: curves for title, curves in panels.items() if curves}


def _draw_numbers(axis: Axes, title: str, curves: dict[str, Float], history: History) -> None:
    for (name, values), colour in zip(curves.items(), COLOURS, strict=False):
        axis.plot(history.update[-len(values) :], values, color=colour, lw=1.5, label=name)
    axis.set_title(title)
    lowest = min(float(np.nanmin(values, initial=0.0)) for values in curves.values())
    axis.set_ylim(max(lowest, -1.0), 1)  # a decoder that has learnt nothing may be far below 0
    if len(curves) > 1:
        axis.legend(fontsize=7)


def _curves(name: str, history: History) -> list[Float]:
    return [part[name] for part in (history.train, history.validation) if name in part]


def _draw_shares(axis: Axes, history: History) -> None:
    axis.set_title("share of each term, training batch")
    bottom = np.zeros(len(history.update))
    for (name, values), colour in zip(history.shares.items(), COLOURS, strict=False):
        axis.fill_between(history.update, bottom, bottom + values, color=colour, alpha=0.75, lw=0, label=name)
        bottom = bottom + values
    axis.set_ylim(0, 1)
    axis.legend(fontsize=7, loc="center right", frameon=True, framealpha=0.85, edgecolor="none")
