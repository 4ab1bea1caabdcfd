"""A new picture for a cohort of digits: a PNG or a .npy array."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.source import NewCases, require_files
from survembed.cohort.subjects import CohortHeader
from survembed.errors import DataError
from survembed.storage.files import unreadable


def read_picture(files: Mapping[str, Path], header: CohortHeader) -> NewCases:
    """Read the picture `files["image"]`. It must have the size of the cohort's pictures; it is not resized.

    Raises
    ------
    UsageError
        If other files are given.
    DataError
        If the file is missing, neither PNG nor .npy, of another size, or contains values other than uint8 or [0, 1].
    """
    require_files(files, ("image",))
    path = files["image"]
    height, width = header.shape
    values = _read_array(path) if path.suffix.lower() == ".npy" else _read_png(path, (width, height))
    if values.shape != (height, width):
        raise _wrong_size(path, " × ".join(map(str, values.shape)), header.shape)
    return NewCases(values[None, None])


def _read_array(path: Path) -> NDArray[Any]:
    """Read uint8 unchanged, other types as float64 in [0, 1]."""
    try:
        values = np.load(path, allow_pickle=False)
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, EOFError, MemoryError) as error:
        raise DataError(
            f"{path.name} is not a NumPy array, or is damaged", where=str(path), expected="a .npy file of numbers"
        ) from error
    if isinstance(values, np.ndarray) and values.dtype == np.uint8:
        return values
    if (
        not isinstance(values, np.ndarray)
        or values.dtype.kind not in "bf"
        or not ((values >= 0) & (values <= 1)).all()  # False for NaN
    ):
        raise DataError(
            f"{path.name} contains values that are not grey levels",
            where=str(path),
            expected="uint8 (255 is ink), or floats from 0 to 1",
        )
    return values.astype(np.float64)


def _read_png(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Grey levels; colours are converted. The size is checked before pixels are decoded."""
    from PIL import Image, UnidentifiedImageError

    try:
        with open(path, "rb") as file, Image.open(file, formats=("PNG",)) as picture:
            if picture.size != size:
                raise _wrong_size(path, f"{picture.height} × {picture.width}", size[::-1])
            if picture.mode.startswith("I"):  # 16 bits
                return np.rint(np.asarray(picture, dtype=np.float64) / 257).astype(np.uint8)
            return np.asarray(picture.convert("L"))
    except UnidentifiedImageError as error:
        raise DataError(f"{path.name} is not a picture", where=str(path), expected="a PNG or a .npy file") from error
    except (OSError, SyntaxError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "damaged"
        raise DataError(
            f"cannot read {path.name}: {reason}", where=str(path), expected="a complete PNG file"
        ) from error


def _wrong_size(path: Path, size: str, shape: tuple[int, ...]) -> DataError:
    expected = " × ".join(map(str, shape))
    return DataError(f"{path.name} is {size} pixels", where=str(path), expected=f"{expected}, as in the cohort")
