"""Slices of a volume in radiological convention."""

from __future__ import annotations

import numpy as np
import pytest

from survembed.cohort.subjects import Channel, CohortHeader
from survembed.errors import UsageError
from survembed.figures.slices import (
    OVERLAYS,
    aspect,
    cut,
    draw_scale,
    middle_of,
    organ_of,
    overlaid,
    overlay_text,
    planes_of,
)
from survembed.figures.style import new_figure
from tests.planted import channels_of

CHANNELS = (Channel("ct", "gaussian"), Channel("tumour", "bernoulli", overlay=True))
VOLUME = CohortHeader("x", "x", CHANNELS, (4, 5, 6), spacing_mm=(1.0, 2.0, 4.0))


@pytest.mark.parametrize(
    ("plane", "shape", "top_left"),
    [("axial", (5, 4), (3, 4, 2)), ("coronal", (6, 4), (3, 1, 5)), ("sagittal", (6, 5), (1, 4, 5))],
)
def test_top_left_pixel_of_each_plane(plane: str, shape: tuple[int, int], top_left: tuple[int, int, int]) -> None:
    """RAS: x increases to the right, y to the front, z to the head of the subject."""
    values = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
    found = cut(values, plane, (1, 1, 2))
    assert found.shape == shape
    assert found[0, 0] == values[top_left]
    assert cut(values[None], plane, (1, 1, 2)).shape == (1, *shape)


def test_a_2d_image_is_its_own_slice() -> None:
    header = CohortHeader("x", "x", CHANNELS[:1], (4, 5))
    image = np.ones((1, 4, 5), dtype=np.float32)
    assert planes_of(header) == ("",)
    assert cut(image, "", (0, 0)) is image
    assert aspect(header, "") == 1.0


def test_pixels_have_the_aspect_of_the_spacing() -> None:
    assert [aspect(VOLUME, plane) for plane in planes_of(VOLUME)] == [2.0, 4.0, 2.0]


def test_the_middle_is_a_voxel_of_the_lesion() -> None:
    image = np.zeros((2, 4, 5, 6), dtype=np.float32)
    assert middle_of(image, VOLUME) == (2, 2, 3)
    image[1, [0, 3], 1, 1] = 1.0  # the centroid is outside
    assert middle_of(image, VOLUME) in {(0, 1, 1), (3, 1, 1)}


def test_the_middle_of_a_lesion_that_stays_below_half() -> None:
    image = np.zeros((2, 4, 5, 6), dtype=np.float32)
    image[1] = 0.03  # no lesion that could be seen
    assert middle_of(image, VOLUME) == (2, 2, 3)
    image[1, 1, 4, 2] = 0.3
    assert middle_of(image, VOLUME) == (1, 4, 2)


def test_the_legend_says_what_is_red() -> None:
    text = "red: tumour, as strong as the fraction of the voxel; volumes in ml are the sum of the fractions"
    assert overlay_text(VOLUME) == text
    assert overlay_text(CohortHeader("x", "x", CHANNELS[:1], (4, 5))) is None


def test_lesions_are_red_by_their_fraction() -> None:
    rgb = overlaid(np.array([[[0.4, 0.4]], [[0.0, 0.8]]], dtype=np.float32), VOLUME)
    assert rgb[0, 0].tolist() == pytest.approx([0.4, 0.4, 0.4])
    assert rgb[0, 1, 0] > rgb[0, 1, 1] + 0.3


def test_each_lesion_channel_has_its_own_colour_over_the_channel_that_is_shown() -> None:
    header = CohortHeader("x", "x", channels_of("petct"), (1, 3), spacing_mm=(1.0, 1.0, 1.0)).showing("pet")
    values = np.array([[[0.1, 0.1, 0.1]], [[0.6, 0.6, 0.6]], [[0, 1, 0]], [[0, 0, 1]]], np.float32)
    grey, primary, nodes = overlaid(values, header)[0]
    assert grey.tolist() == pytest.approx([0.6, 0.6, 0.6])
    np.testing.assert_allclose(primary, 0.35 * 0.6 + 0.65 * OVERLAYS["red"], rtol=1e-5)
    np.testing.assert_allclose(nodes, 0.35 * 0.6 + 0.65 * OVERLAYS["yellow"], rtol=1e-5)
    text = overlay_text(header) or ""
    assert text.startswith("grey: pet; red: primary, yellow: nodes, as strong as the fraction of the voxel; volumes")


@pytest.mark.parametrize(("name", "near"), [("pte", "pet"), ("primary", "ct")])
def test_a_channel_that_is_no_image_is_refused(name: str, near: str) -> None:
    header = CohortHeader("x", "x", channels_of("petct"), (1, 3))
    with pytest.raises(UsageError, match=f"no image channel '{name}'") as refused:
        header.showing(name)
    assert refused.value.expected == "one of ct, pet; lesion masks are drawn over it"
    assert (refused.value.try_ or "").startswith("--channel ")
    assert name != "pte" or refused.value.try_ == f"--channel {near}"
    assert header.showing(None) is header
    assert "drawn" not in header.showing("pet").to_dict()


@pytest.mark.parametrize(("plane", "length"), [("axial", "1 mm"), ("coronal", "1 mm"), ("sagittal", "2 mm")])
def test_the_scale_bar_has_its_length(plane: str, length: str) -> None:
    """Of 4 mm in x and 10 mm in y; at most 40 % of the width."""
    axis = new_figure(2, 2).subplots()
    axis.imshow(cut(np.zeros((4, 5, 6)), plane, (0, 0, 0)))
    before = axis.get_xlim()
    draw_scale(axis, VOLUME, plane)
    (bar,), (text,) = axis.lines, axis.texts
    assert text.get_text() == length
    millimetres = 10 if plane == "sagittal" else 4
    assert np.ptp(bar.get_xdata()) * millimetres == pytest.approx(float(length.split()[0]))
    assert axis.get_xlim() == before


def test_no_scale_bar_without_spacing() -> None:
    axis = new_figure(2, 2).subplots()
    draw_scale(axis, CohortHeader("x", "x", CHANNELS, (4, 5, 6)), "axial")
    draw_scale(axis, VOLUME, "")
    assert not axis.lines


def test_the_organ_is_where_its_mask_or_the_image_is_not_empty() -> None:
    image = np.zeros((2, 4, 5, 6), dtype=np.float32)
    assert organ_of(image, VOLUME).all()
    image[0, 1, 2, 3] = image[1, 2, 2, 2] = 0.1
    assert np.argwhere(organ_of(image, VOLUME)).tolist() == [[1, 2, 3], [2, 2, 2]]
    masked = CohortHeader("x", "x", (CHANNELS[0], Channel("organ", "bernoulli", organ=True)), (4, 5, 6))
    assert np.argwhere(organ_of(image, masked)).tolist() == [[2, 2, 2]]
    assert organ_of(image[..., 0], CohortHeader("x", "x", CHANNELS, (4, 5))).all()


def test_a_picture_keeps_its_colours() -> None:
    channels = tuple(Channel(name, "gaussian") for name in ("red", "green", "blue"))
    header = CohortHeader(dataset="images", title="t", channels=channels, shape=(1, 2))
    values = np.array([[[1, 0]], [[0, 0.5]], [[0, 2]]], np.float32)
    assert overlaid(values, header).tolist() == [[[1, 0, 0], [0, 0.5, 1]]]
