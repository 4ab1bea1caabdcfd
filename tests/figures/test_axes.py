"""Scales, legends and marks of the figures, read from the drawn axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from survembed.figures import calibration, explain, importance, latents, survival
from survembed.figures import history as history_module
from survembed.figures.draw import figure
from survembed.figures.explain import draw_explanation
from survembed.figures.history import draw_history
from survembed.figures.importance import draw_importance
from survembed.figures.request import FigureRequest
from survembed.survival.cox_inference import HazardRatio
from survembed.workflows.explain import explain as explain_subject
from survembed.workflows.history import history
from survembed.workflows.importance import Importance
from survembed.workflows.importance import importance as interpret
from tests.trained import Made

Drawn = Callable[..., Any]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures, kept in place of saved, after their layout."""
    kept: list[Any] = []

    def keep(figure: Any, path: Path) -> list[Path]:
        figure.canvas.draw()
        kept.append(figure)
        return []

    for module in (calibration, explain, history_module, importance, latents, survival):
        monkeypatch.setattr(module, "save", keep)
    return kept


def test_distances_in_a_projection_are_equal_in_both_directions(a_run: Made, tmp_path: Path, drawn: list[Any]) -> None:
    figure("latents", FigureRequest([a_run()], tmp_path, device="cpu"))
    axis = drawn[0].axes[0]
    box = axis.get_window_extent()
    assert np.ptp(axis.get_xlim()) / box.width == pytest.approx(np.ptp(axis.get_ylim()) / box.height, rel=1e-6)


def test_titles_are_over_their_panels_and_legends_off_the_curves(a_run: Made, tmp_path: Path, drawn: list[Any]) -> None:
    from survembed import registry

    models = [(name, registry.load("downstream", name)()) for name in ("coxph", "survival-tree")]
    request = FigureRequest([a_run()], tmp_path, downstream=models, n_resamples=20, device="cpu")
    for name in ("calibration", "survival"):
        figure(name, request)
    for axis in drawn[0].axes:
        title, panel = axis.title.get_window_extent(), axis.get_window_extent()
        assert (title.x0 + title.x1) / 2 == pytest.approx((panel.x0 + panel.x1) / 2, abs=2)
    legends = [axis.get_legend() for axis in drawn[1].axes if axis.get_legend()]
    assert len(legends) == 3
    for legend in legends:
        assert legend.get_window_extent().y0 >= legend.axes.get_window_extent().y1 - 1
        assert "log-rank" in legend.get_title().get_text()


def test_kl_has_a_logarithmic_axis(a_run: Made, tmp_path: Path, drawn: list[Any]) -> None:
    draw_history(history(a_run()), "title", tmp_path / "a.png")
    scales = {axis.get_title(): axis.get_yscale() for axis in drawn[0].axes}
    assert scales.pop("KL divergence (nats)") == "log"
    assert set(scales.values()) == {"linear"}


def _clipped(found: Importance) -> Importance:
    narrow = HazardRatio(2.0, 1.5, 3.0, 0.01, 0.5)
    wide = HazardRatio(0.5, 1e-9, 1e9, 0.9, 0.5)
    base = found.dimensions[0]
    dimensions = [
        replace(base, number=0, psi_sd=0.1, train=narrow, test=None, note=""),
        replace(base, number=1, psi_sd=-0.9, train=wide, test=None, note=""),
        replace(base, number=2, psi_sd=0.0, train=None, test=None, note="constant"),
        replace(base, number=3, psi_sd=0.0, train=None, test=None, note="constant"),
    ]
    return replace(found, dimensions=tuple(dimensions))


def test_hazard_ratios_are_sorted_and_clipped_intervals_have_arrows(
    a_run: Made, tmp_path: Path, drawn: list[Any]
) -> None:
    draw_importance(_clipped(interpret(a_run())), tmp_path / "a.png")
    (axis,) = drawn[0].axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["z1", "z0", "silent"]
    assert [text.get_text() for text in axis.texts] == ["z2, z3: left out of the Cox models"]
    arrows = {
        line.get_marker(): line for line in axis.lines if line.get_marker() in ("<", ">") and len(line.get_xdata())
    }
    assert set(arrows) == {"<", ">"}
    for mark, edge in zip("<>", axis.get_xlim(), strict=True):
        assert arrows[mark].get_xdata().tolist() == [edge]
        assert arrows[mark].get_ydata() == pytest.approx([0], abs=0.2)


def test_a_space_in_which_all_is_silent_has_a_figure_without_legend(
    a_run: Made, tmp_path: Path, drawn: list[Any]
) -> None:
    found = _clipped(interpret(a_run()))
    draw_importance(replace(found, dimensions=found.dimensions[2:]), tmp_path / "a.png")
    assert not drawn[0].legends
    assert [label.get_text() for label in drawn[0].axes[0].get_yticklabels()] == ["silent"]


def test_the_difference_is_drawn_inside_the_organ(trained_on: Made, tmp_path: Path, drawn: list[Any]) -> None:
    explanation = explain_subject(trained_on("liver"), "s20", n_steps=3)
    draw_explanation(explanation, tmp_path / "a.png")
    images = [
        axis.images[0].get_array() for axis in drawn[0].axes if axis.images and axis.images[0].get_array().ndim == 2
    ]
    assert len(images) == 3 * len(explanation.header.channels)
    for image in images:
        assert 0 < np.ma.getmaskarray(np.ma.masked_invalid(image)).mean() < 1
    texts = [text.get_text() for axis in drawn[0].axes for text in axis.texts]
    assert any(text.endswith(" mm") for text in texts)
