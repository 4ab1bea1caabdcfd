"""Images of a cohort in physical units: millimetres and the unit of a channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.subjects import Channel, CohortHeader
from survembed.survival.outcome import Float


def centred_affine(header: CohortHeader) -> Float:
    """(4, 4) affine of a volume of no subject: axes along RAS, origin in the centre."""
    if header.spacing_mm is None or len(header.shape) != 3:
        raise ValueError("these images have no physical space")
    affine = np.diag([*header.spacing_mm, 1.0])
    affine[:3, 3] = -np.array(header.spacing_mm) * (np.array(header.shape) - 1) / 2
    return affine


def physical(values: NDArray[np.float32], channel: Channel) -> NDArray[np.float32]:
    """Values of a channel in its unit, such as HU; 0 and 1 are the ends of its window."""
    low, high = channel.window
    return (low + (high - low) * values).astype(np.float32)
