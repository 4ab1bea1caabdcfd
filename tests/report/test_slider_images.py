"""Images for the sliders of the report."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
from PIL import Image

from survembed.report.slider_images import slices_side_by_side, strips
from tests.figures.test_traversal import header_of, made


def test_one_strip_per_row_with_the_hazard_first() -> None:
    found = strips(made("volume", n_rows=3))
    assert [strip.name for strip in found] == ["hazard", "z0", "z1"]
    for strip in found:
        width, height = Image.open(BytesIO(strip.png)).size
        assert (width, height) == (strip.width, 3 * strip.height)
        assert len(strip.texts) == 3
    assert found[0].slope == "HR per SD 1.22, test set 1.4 (0.9 to 2.1)"
    assert found[0].texts[1].startswith("start · claimed")
    assert found[0].texts[2].startswith("+4.0\u00a0SD · ")


def test_a_strip_starts_two_deviations_towards_the_higher_hazard() -> None:
    for head, psi, first in ((True, 0.3, "+2.0"), (True, -0.3, "-2.0"), (False, None, "+2.0")):
        traversal = made("volume", steps=np.linspace(-4, 4, 17), head=head)
        walks = [replace(walk, psi=psi) for walk in traversal.walks]
        for strip in strips(replace(traversal, walks=walks)):
            assert strip.texts[strip.start].startswith(f"{first}\u00a0SD")


def test_no_strip_for_tables_and_no_slope_without_a_head() -> None:
    assert strips(made("table")) == []
    assert strips(made("image", head=False))[0].slope == ""


def test_three_slices_of_a_volume() -> None:
    image = np.zeros((2, 6, 7, 8), dtype=np.float32)
    assert slices_side_by_side(image, header_of("volume"), (3, 3, 4)).shape == (8, 6 + 6 + 7, 3)
