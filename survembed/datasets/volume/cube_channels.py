"""Box averages of the CT inside the organ, of the organ mask and of the lesion masks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.scan.case import Case
from survembed.datasets.volume.resample import Weights, box_average
from survembed.errors import DataError

SLAB = 16
"""Number of axial planes averaged at a time; bounds the memory for float32 copies."""


def average_channels(
    codes: NDArray[np.uint8],
    ct: NDArray[Any] | None,
    scale: tuple[float, float],
    weights: tuple[Weights, Weights, Weights],
    lesion_codes: tuple[int, ...] = (),
    case: Case | None = None,
) -> NDArray[np.float32]:
    """Box averages of the windowed CT inside the organ (0 without a CT), of the organ, and of each lesion code.

    Parameters
    ----------
    codes
        (x, y, z) uint8, 0 outside the organ.
    ct
        (x, y, z) numbers as stored.
    scale
        Factor and summand from stored numbers to [0, 1] in the window. The CT is clipped before it is averaged;
        otherwise air and bone would change the voxels at the organ's edge.
    weights
        `overlap_weights` along x, y and z.
    case
        Source of the CT, for errors.

    Returns
    -------
    ndarray
        (2 + number of lesion codes, x, y, z) float32.
    """
    x, y, z = weights
    total = np.zeros((2 + len(lesion_codes), len(z), len(y), len(x)), np.float32)
    codes = codes.T
    for start in range(0, len(codes), SLAB):
        slab = codes[start : start + SLAB]
        slab_weights = (x, y, z[:, start : start + SLAB])
        organ = (slab > 0).astype(np.float32)
        if ct is not None:
            total[0] += box_average(_window_inside(ct.T[start : start + SLAB], organ, scale, case), slab_weights)
        total[1] += box_average(organ, slab_weights)
        for channel, code in enumerate(lesion_codes, start=2):
            if (slab == code).any():
                total[channel] += box_average((slab == code).astype(np.float32), slab_weights)
    return np.minimum(total, 1).transpose(0, 3, 2, 1)


def _window_inside(
    ct: NDArray[Any], organ: NDArray[np.float32], scale: tuple[float, float], case: Case | None
) -> NDArray[np.float32]:
    """Scale stored numbers to [0, 1] inside the organ and 0 outside."""
    factor, summand = scale
    with np.errstate(over="ignore", invalid="ignore"):
        values = ct.astype(np.float32)
        values *= np.float32(factor)
        values += np.float32(summand)
    if ct.dtype.kind == "f":
        values[organ == 0] = 0
        if not np.isfinite(values).all():
            assert case is not None
            raise DataError(
                f"{case.ct.name if case.ct else ''} contains NaN or infinity inside the organ",
                where=str(case.ct),
                expected="a finite number in every voxel of the organ",
                try_="leave the case out, or repair the scan",
            )
    np.clip(values, 0, 1, out=values)
    values *= organ
    return values
