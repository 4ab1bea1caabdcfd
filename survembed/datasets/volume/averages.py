"""Box averages of an organ, of what is in it, and of its CT."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.scan.case import Case
from survembed.datasets.volume.resample import Weights, box_average
from survembed.errors import DataError

SLAB = 16
"""Planes that are averaged at a time; this bounds the memory for floats."""


def averages(
    codes: NDArray[np.uint8],
    stored: NDArray[Any] | None,
    scale: tuple[float, float],
    along: tuple[Weights, Weights, Weights],
    lesions: tuple[int, ...] = (),
    case: Case | None = None,
) -> NDArray[np.float32]:
    """Box averages (2 + n, x, y, z) of the CT inside the organ (zeros without a CT), of the organ, and of each code.

    The CT is clipped to the window before it is averaged, or air and bone would bleed into the organ's edge.
    """
    x, y, z = along
    cells = (2 + len(lesions), len(z), len(y), len(x))
    total = np.zeros(cells, np.float32)
    codes = codes.T
    for start in range(0, len(codes), SLAB):
        part = codes[start : start + SLAB]
        weights = (x, y, z[:, start : start + SLAB])
        organ = (part > 0).astype(np.float32)
        if stored is not None:
            total[0] += box_average(_windowed(stored.T[start : start + SLAB], organ, scale, case), weights)
        total[1] += box_average(organ, weights)
        for channel, code in enumerate(lesions, start=2):
            if (part == code).any():
                total[channel] += box_average((part == code).astype(np.float32), weights)
    return np.minimum(total, 1).transpose(0, 3, 2, 1)


def _windowed(
    stored: NDArray[Any], organ: NDArray[np.float32], scale: tuple[float, float], case: Case | None
) -> NDArray[np.float32]:
    """Stored numbers in [0, 1] inside the organ, 0 outside."""
    factor, summand = scale
    with np.errstate(over="ignore", invalid="ignore"):
        values = stored.astype(np.float32)
        values *= np.float32(factor)
        values += np.float32(summand)
    if stored.dtype.kind == "f":
        values[organ == 0] = 0
        if not np.isfinite(values).all():
            assert case is not None
            raise DataError(
                f"{case.ct.name if case.ct else ''} holds NaN or infinity inside the organ",
                where=str(case.ct),
                expected="a number in every voxel of the organ",
                try_="leave the case out, or mend the scan",
            )
    np.clip(values, 0, 1, out=values)
    values *= organ
    return values
