"""The field of view: how large it must be, and how much of an organ may lie outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from survembed.datasets.scan.case import Case
from survembed.datasets.scan.grid import Float
from survembed.errors import DataError

if TYPE_CHECKING:
    from survembed.datasets.volume.organ_mask import OrganMask

WARN_OUTSIDE, REFUSE_OUTSIDE = 0.01, 0.05
"""Share of the organ outside the cube from which a case is noted, and from which it is refused."""
FIELDS_OF_VIEW = range(240, 401, 20)
"""Edge lengths in mm among which a cohort's is chosen: the smallest that holds every organ."""


def smallest_edge(outside: Float) -> int:
    """The smallest of `FIELDS_OF_VIEW` that holds every organ but for 1 %.

    Parameters
    ----------
    outside
        (n, fields of view) share of each organ outside. An organ that none of them holds has no say: one giant must
        not blur all others.
    """
    held = outside[outside[:, -1] <= WARN_OUTSIDE]
    return next(edge for i, edge in enumerate(FIELDS_OF_VIEW) if (held[:, i] <= WARN_OUTSIDE).all())


def judge_outside(mask: OrganMask, fov: Float, case: Case) -> float:
    """Share of the organ outside the cube.

    Raises
    ------
    DataError
        When it is more than 5 %.
    """
    outside = mask.outside(fov)
    if outside > REFUSE_OUTSIDE:
        raise DataError(
            f"{outside:.1%} of the organ lies outside a cube of {' × '.join(f'{edge:g}' for edge in fov)} mm",
            where=str(case.mask),
            expected=f"at most {REFUSE_OUTSIDE:.0%}; the organ spans "
            f"{' × '.join(f'{edge:.0f}' for edge in mask.extent_mm)} mm",
            try_=f"--set data.fov_mm={20 * np.ceil(mask.extent_mm.max() / 20):.0f}",
        )
    return outside
