"""`CohortForm`: what a new subject needs to be prepared like those of a cohort, without any of its subjects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.subjects import CohortHeader

Image = NDArray[np.float32]

UINT8_SCALE = 1 / 255


@dataclass(frozen=True)
class CohortForm:
    """Header and covariates of a cohort, as a run keeps them.

    Attributes
    ----------
    header
        Of the cohort.
    levels
        Its covariates by name: the categories of a column that is encoded as indicators, the reference first; empty
        for every other column.
    """

    header: CohortHeader
    levels: Mapping[str, tuple[str, ...]]

    def as_own(self, images: NDArray[Any]) -> Image:
        """Images (m, C, *spatial) of new subjects with the rounding and scale of the cohort's."""
        expected = (len(self.header.channels), *self.header.shape)
        if images.shape[1:] != expected:
            raise ValueError(f"images of shape {images.shape[1:]}, expected {expected}")
        scale = UINT8_SCALE if self.header.dtype == "uint8" else 1.0
        return as_stored(images, self.header).astype(np.float32) * np.float32(scale)


def levels_of(features: tuple[str, ...], covariates: Mapping[str, NDArray[Any]]) -> dict[str, tuple[str, ...]]:
    """`CohortForm.levels` of a cohort with these features and covariates."""
    levels: dict[str, tuple[str, ...]] = {}
    for stored_name, values in covariates.items():
        name = stored_name.replace("∕", "/")  # HDF5 does not allow "/" in names
        encoded = [each.removeprefix(f"{name}=") for each in features if each.startswith(f"{name}=")]
        is_encoded = values.dtype.kind == "U" and encoded
        levels[name] = (*sorted(set(values.tolist()) - {"", *encoded}), *encoded) if is_encoded else ()
    return levels


def as_stored(images: NDArray[Any], header: CohortHeader) -> NDArray[Any]:
    """Images in the dtype of the file: floats in [0, 1] rounded to 255 steps for uint8, else float32."""
    if header.dtype == "uint8":
        return images if images.dtype == np.uint8 else np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)
    return images.astype(np.float32)
