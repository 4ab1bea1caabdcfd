"""Style that all figures share."""

from __future__ import annotations

import pytest

from survembed.figures.style import entitle, new_figure, p_value_text


@pytest.mark.parametrize("width", [4.0, 4.9, 7.0, 20.0])
def test_lines_of_a_title_are_of_about_the_same_length(width: float) -> None:
    text = "synthetic liver phantom: coxvae, calibration on held-out subjects"
    figure = new_figure(width, 3)
    entitle(figure, text)
    lines = figure.get_suptitle().split("\n")
    assert " ".join(lines) == text
    assert max(map(len, lines)) <= 12 * width
    assert min(map(len, lines)) > 0.6 * max(map(len, lines))


def test_p_values() -> None:
    assert [p_value_text(p) for p in (0.0123, 0.001, 0.0009)] == ["p = 0.012", "p = 0.001", "p < 0.001"]
