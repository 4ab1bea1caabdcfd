"""Read one picture: PNG, JPEG, TIFF, WebP, BMP or NPY, as grey levels or RGB in the type of the file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survembed.errors import DataError
from survembed.storage.files import unreadable

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".webp", ".bmp", ".dib", ".npy")
GREY_MODES = ("L", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""Modes of Pillow with one number in each pixel."""
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0
"""The TIFF tag of the meaning of grey levels, and its value where 0 is white; Pillow inverts those of 8 bits only."""


def read_pixels(path: Path, pixel_limit: int) -> tuple[NDArray[Any], bytes]:
    """Pixels (h, w) or (h, w, 3) of a picture, upright, and the content of its file.

    The content, not the name, decides on the format, except for `.npy`. Colours of a palette are looked up; a 16-bit
    colour picture is read with 8 bits; the orientation of EXIF is applied.

    Parameters
    ----------
    pixel_limit
        Largest number of pixels that a file may declare; checked before the pixels are decoded.

    Raises
    ------
    DataError
        If the file cannot be read, is damaged or no picture, holds several pictures, transparent pixels or colours
        that are not RGB, or has too many pixels.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        values = (
            _read_array(content, path, pixel_limit) if is_array(path) else _read_picture(content, path, pixel_limit)
        )
    except DataError:
        raise
    except Exception as error:  # decoders raise many types of exception on a damaged file
        raise DataError(
            f"{path.name} is damaged, or no picture",
            where=str(path),
            expected="a complete PNG, JPEG, TIFF, WebP, BMP or NPY file",
            try_="copy the file again, or leave it out",
        ) from error
    return values, content


def is_array(path: Path) -> bool:
    """Whether the file is a NumPy array."""
    return path.suffix.lower() == ".npy"


def _read_array(content: bytes, path: Path, pixel_limit: int) -> NDArray[Any]:
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, kind = header(stream)
    grey = len(shape) == 2 or (len(shape) == 3 and shape[2] == 1)
    if not (grey or (len(shape) == 3 and shape[2] == 3)) or 0 in shape or kind.kind not in "buif":
        raise DataError(
            f"{path.name} is an array of {kind} with shape {shape}",
            where=str(path),
            expected="numbers of shape (height, width), or (height, width, 3) for RGB",
            try_="save one picture in each file, its colours last",
        )
    _refuse_large(path, shape[1], shape[0], pixel_limit)
    stream.seek(0)
    values = np.asarray(np.load(stream, allow_pickle=False))
    return values[..., 0] if values.ndim == 3 and grey else values


def _read_picture(content: bytes, path: Path, pixel_limit: int) -> NDArray[Any]:
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
        _refuse_large(path, picture.width, picture.height, pixel_limit)
        if (n := getattr(picture, "n_frames", 1)) > 1:
            raise DataError(
                f"{path.name} holds {n} pictures",
                where=str(path),
                expected="one picture in each file",
                try_="save the picture that counts as a file of its own",
            )
        inverted = picture.mode.startswith("I") and _is_white_zero(picture)
        has_16_bits = any("16" in str(tile[3]) for tile in picture.tile) or (picture.mode, picture.format) == (
            "I",
            "PNG",
        )
        picture.load()
        upright = ImageOps.exif_transpose(picture) if picture.info else picture
        values = _values(upright, path)
    if has_16_bits:  # colours were read with 8 bits, grey levels of some versions of Pillow have 32
        values = values.astype(np.uint16) * (257 if values.dtype == np.uint8 else 1)
    return np.iinfo(values.dtype).max - values if inverted else values


def _values(picture: Image, path: Path) -> NDArray[Any]:
    """Grey levels or RGB; a transparent pixel and other kinds of colour are refused."""
    if picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode in ("P", "PA"):
        picture = picture.convert("RGBA")
    elif picture.mode in ("L", "RGB") and "transparency" in picture.info:
        picture = picture.convert("LA" if picture.mode == "L" else "RGBA")
    if picture.mode in GREY_MODES or picture.mode == "RGB":
        return np.asarray(picture)
    if picture.mode not in ("LA", "RGBA"):
        raise DataError(
            f"{path.name} has colours in {picture.mode}, not in RGB",
            where=str(path),
            expected="grey levels, or RGB",
            try_="convert the picture to RGB, with the profile of its colours",
        )
    values = np.asarray(picture)
    if (values[..., -1] < 255).any():
        raise DataError(
            f"{path.name} has transparent pixels",
            where=str(path),
            expected="opaque pixels",
            try_="save the picture on the background that it should have",
        )
    return values[..., 0] if picture.mode == "LA" else values[..., :3]


def _is_white_zero(picture: Image) -> bool:
    tags = getattr(picture, "tag_v2", None)
    return tags is not None and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO


def _refuse_large(path: Path, width: int, height: int, pixel_limit: int) -> None:
    if width * height > pixel_limit:
        raise DataError(
            f"{path.name} declares {width:,} × {height:,} pixels",
            where=str(path),
            expected=f"at most {pixel_limit:,} pixels",
            try_="make the picture smaller, or raise data.pixel_limit if the file is sound",
        )
