"""From the pixels of a picture to an image of the cohort: range, colours and size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.subjects import Channel
from survembed.errors import DataError

Fit = Literal["pad", "crop", "stretch"]
Colour = Literal["grey", "rgb"]

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in a grey level (ITU-R BT.601)."""


@dataclass(frozen=True)
class Recipe:
    """How pixels become an image.

    Attributes
    ----------
    size
        Height and width of the image.
    fit
        What happens to a picture of another shape: `pad` with black, `crop` to the middle, or `stretch`.
    colour
        Channels of the image.
    convert
        Whether a coloured picture may become grey; if not, it is refused.
    window
        Values that become 0 and 1; None for the range of the type, and 0 to 1 for floats.
    resize
        Whether pictures of another size are resized; if not, they are refused.
    """

    size: tuple[int, int]
    fit: Fit
    colour: Colour
    convert: bool
    window: tuple[float, float] | None
    resize: bool

    def channels(self, likelihood: Literal["gaussian", "bernoulli"]) -> tuple[Channel, ...]:
        """Channels of an image, in order."""
        names = ("grey",) if self.colour == "grey" else ("red", "green", "blue")
        window = self.window or (0.0, 1.0)
        return tuple(Channel(name, likelihood, window=window) for name in names)

    def image(self, pixels: NDArray[Any], path: Path) -> NDArray[np.uint8]:
        """The image (C, h, w), 255 for 1, of pixels (h, w) or (h, w, 3).

        Raises
        ------
        DataError
            If the picture has another size and `resize` is not set, is in colour and the image is not, or has values
            that are not finite, or of an unknown range.
        """
        if pixels.shape[:2] != self.size and not self.resize:
            raise DataError(
                f"{path.name} has {size_text(pixels.shape)} pixels, others {size_text(self.size)}",
                where=str(path),
                expected="pictures of one size",
                try_="--set data.size=HEIGHT,WIDTH resizes all",
            )
        values = self._coloured(_in_range(pixels, self.window, path), path)
        if values.shape[:2] != self.size:
            values = resized(values, self.size, self.fit)
        if values.dtype != np.uint8:
            values = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
        return values[None] if values.ndim == 2 else np.ascontiguousarray(values.transpose(2, 0, 1))

    def _coloured(self, values: NDArray[Any], path: Path) -> NDArray[Any]:
        if self.colour == "rgb":
            return values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)
        if values.ndim == 2 or is_grey(values):
            return values if values.ndim == 2 else values[..., 0]
        if not self.convert:
            raise DataError(
                f"{path.name} is in colour, others are grey",
                where=str(path),
                expected="pictures that are grey, as most are",
                try_="--set data.colour=grey, or --set data.colour=rgb",
            )
        grey = values.astype(np.float32) @ LUMINANCE
        return np.rint(grey).astype(np.uint8) if values.dtype == np.uint8 else grey


def is_grey(pixels: NDArray[Any]) -> bool:
    """Whether red, green and blue are equal in each pixel."""
    return pixels.ndim == 2 or bool((pixels[..., :1] == pixels[..., 1:]).all())


def size_text(shape: tuple[int, ...]) -> str:
    """Height and width as text."""
    return f"{shape[0]} × {shape[1]}"


def _in_range(pixels: NDArray[Any], window: tuple[float, float] | None, path: Path) -> NDArray[Any]:
    """Values from 0 to 1 as float32; uint8 with its full range stays as it is, 255 for 1."""
    kind = pixels.dtype
    if kind == np.uint8 and window is None:
        return pixels
    if kind.kind == "f" and not np.isfinite(pixels).all():
        raise DataError(
            f"{path.name} contains NaN or infinity", where=str(path), expected="a finite number in every pixel"
        )
    low, high = window or (0.0, 65535.0 if kind.kind == "u" and kind.itemsize == 2 else 1.0)
    values = (pixels.astype(np.float64) - low) / (high - low)
    if window is None and (values.min() < 0 or values.max() > 1):
        raise DataError(
            f"{path.name} has values from {pixels.min():g} to {pixels.max():g}",
            where=str(path),
            expected="8 or 16 bits without a sign, or numbers from 0 to 1",
            try_="--set data.window=LOW,HIGH, the values of black and white",
        )
    return values.astype(np.float32)


def resized(values: NDArray[Any], size: tuple[int, int], fit: Fit) -> NDArray[Any]:
    """Pixels (h, w) or (h, w, 3), uint8 or float32, at another size, with an anti-aliased triangle filter."""
    height, width = values.shape[:2]
    ratios = size[0] / height, size[1] / width
    if fit == "stretch":
        return _scaled(values, size, (0, 0, width, height))
    if fit == "crop":
        scale = max(ratios)
        shown = size[0] / scale, size[1] / scale
        top, left = (height - shown[0]) / 2, (width - shown[1]) / 2
        box = (max(0.0, left), max(0.0, top), min(float(width), left + shown[1]), min(float(height), top + shown[0]))
        return _scaled(values, size, box)
    scale = min(ratios)
    inner = max(1, round(height * scale)), max(1, round(width * scale))
    padded = np.zeros((*size, *values.shape[2:]), values.dtype)
    top, left = ((edge - part) // 2 for edge, part in zip(size, inner, strict=True))
    padded[top : top + inner[0], left : left + inner[1]] = _scaled(values, inner, (0, 0, width, height))
    return padded


def _scaled(values: NDArray[Any], size: tuple[int, int], box: tuple[float, float, float, float]) -> NDArray[Any]:
    from PIL import Image

    if values.ndim == 3 and values.dtype != np.uint8:  # Pillow has no colours in floats
        return np.stack([_scaled(values[..., channel], size, box) for channel in range(values.shape[2])], axis=-1)
    picture = Image.fromarray(np.ascontiguousarray(values))
    return np.asarray(picture.resize(size[::-1], Image.Resampling.BILINEAR, box=box))
