"""Range, colours and size of an image, against averages that are computed by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from survembed.datasets.picture.recipe import Recipe, resized
from survembed.errors import DataError

HERE = Path("a.png")


def recipe(size: tuple[int, int] = (4, 4), **options: Any) -> Recipe:
    values: dict[str, Any] = {"fit": "pad", "colour": "grey", "convert": False, "window": None, "resize": True}
    return Recipe(size, **{**values, **options})


def test_eight_bits_are_kept() -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    assert np.array_equal(recipe().image(pixels, HERE)[0], pixels)


@pytest.mark.parametrize(
    ("values", "window", "expected"),
    [
        (np.array([0, 65535, 32896], np.uint16), None, [0, 255, 128]),
        (np.array([0, 4095, 8000], np.uint16), (0.0, 4095.0), [0, 255, 255]),
        (np.array([0, 1, 0.5], np.float32), None, [0, 255, 128]),
        (np.array([-100, 100, 0], np.int16), (-100.0, 100.0), [0, 255, 128]),
        (np.array([True, False, True]), None, [255, 0, 255]),
        (np.array([0, 200, 100], np.uint8), (0.0, 200.0), [0, 255, 128]),
    ],
)
def test_range(values: np.ndarray, window: tuple[float, float] | None, expected: list[int]) -> None:
    assert recipe((1, 3), window=window).image(values[None], HERE)[0, 0].tolist() == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[-5, 7]], np.int16), "values from -5 to 7"),
        (np.array([[0, 255.0]]), "values from 0 to 255"),
        (np.array([[0, np.nan]]), "NaN"),
    ],
)
def test_a_range_that_is_not_known_is_refused(values: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        recipe((1, 2)).image(values, HERE)


def test_colours() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[..., 0] = 100
    assert recipe(colour="rgb").image(pixels, HERE)[:, 0, 0].tolist() == [100, 0, 0]
    assert recipe(convert=True).image(pixels, HERE)[0, 0, 0] == 30
    with pytest.raises(DataError, match="in colour") as refused:
        recipe().image(pixels, HERE)
    assert "data.colour" in str(refused.value.try_)
    grey = np.repeat(np.arange(16, dtype=np.uint8).reshape(4, 4, 1), 3, axis=2)
    assert np.array_equal(recipe().image(grey, HERE)[0], grey[..., 0])
    assert np.array_equal(recipe(colour="rgb").image(grey[..., 0], HERE), grey.transpose(2, 0, 1))


def test_another_size_is_refused_unless_it_is_asked_for() -> None:
    with pytest.raises(DataError, match="5 × 4 pixels, others 4 × 4"):
        recipe(resize=False).image(np.zeros((5, 4), np.uint8), HERE)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("colours", [(), (3,)])
def test_a_fine_pattern_becomes_its_mean(kind: type, colours: tuple[int, ...]) -> None:
    """Without anti-aliasing, stripes of one pixel would become black, white, or coarse stripes."""
    stripes = np.zeros((64, 64, *colours), kind)
    stripes[:, ::2] = 200
    small = resized(stripes, (8, 8), "stretch")
    assert small.dtype == kind
    assert np.abs(small.astype(float) - 100).max() <= 7


def test_pad_keeps_the_picture_and_its_proportions() -> None:
    padded = resized(np.full((20, 10), 90, np.uint8), (10, 10), "pad")
    assert (padded[:, :2] == 0).all()
    assert (padded[:, 8:] == 0).all()
    assert (padded[:, 2:7] == 90).all()


def test_crop_shows_the_middle() -> None:
    picture = np.zeros((30, 10), np.uint8)
    picture[10:20] = 90
    assert (resized(picture, (5, 5), "crop")[1:4] == 90).all()
    assert resized(picture, (5, 5), "crop").mean() > 80


def test_stretch_fills_the_image() -> None:
    assert (resized(np.full((30, 10), 90, np.uint8), (5, 5), "stretch") == 90).all()


def test_a_larger_image_is_interpolated() -> None:
    ramp = np.tile(np.linspace(0, 1, 8, dtype=np.float32), (8, 1))
    large = resized(ramp, (16, 16), "pad")
    assert (np.diff(large[8]) >= -1e-6).all()
    assert abs(float(large.mean()) - 0.5) < 1e-5
