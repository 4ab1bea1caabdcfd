"""Field of view of the cubes: choice for a cohort, and limits for the share of an organ outside."""

from __future__ import annotations

import numpy as np

from survembed.cohort.subjects import CohortHeader
from survembed.datasets.scan.case import Case
from survembed.datasets.scan.grid import Float
from survembed.datasets.volume.organ_mask import OrganMask
from survembed.errors import DataError

WARN_OUTSIDE, REFUSE_OUTSIDE = 0.01, 0.05
"""Share of the organ outside the cube above which a case gets a warning, and above which it is refused."""
FIELDS_OF_VIEW = range(240, 401, 20)
"""Candidate edge lengths in mm."""


def shares_outside(mask: OrganMask) -> list[float]:
    """Share of the organ outside each of `FIELDS_OF_VIEW`."""
    return [mask.outside(np.full(3, float(edge))) for edge in FIELDS_OF_VIEW]


def smallest_edge_mm(outside: Float) -> int:
    """The smallest of `FIELDS_OF_VIEW` that contains at least 99 % of every organ.

    Parameters
    ----------
    outside
        (n, fields of view) share of each organ outside. An organ that exceeds the largest field of view is ignored, so
        that one outlier does not lower the resolution of all others.
    """
    fitting = outside[outside[:, -1] <= WARN_OUTSIDE]
    return next(edge for i, edge in enumerate(FIELDS_OF_VIEW) if (fitting[:, i] <= WARN_OUTSIDE).all())


def note_of_choice(edge: int, n: int) -> str:
    """What a preparation prints and records: the edge in mm, and that it depends on all `n` subjects of the study."""
    return (
        f"field of view {edge} mm, the smallest that contains at least {1 - WARN_OUTSIDE:.0%} of every organ: chosen "
        f"from the masks of all {n} subjects, including those of a later test part; outcomes are not used"
    )


def edge_for_extent(extent_mm: Float) -> float:
    """Edge in mm, a multiple of 20, that contains an organ of this extent."""
    return float(20 * np.ceil(extent_mm.max() / 20))


def share_outside(mask: OrganMask, fov_mm: Float, case: Case) -> float:
    """Share of the organ outside the field of view.

    Raises
    ------
    DataError
        If the share is above 5 %.
    """
    outside = mask.outside(fov_mm)
    if outside > REFUSE_OUTSIDE:
        raise DataError(
            f"{outside:.1%} of the organ lies outside a cube of {' × '.join(f'{edge:g}' for edge in fov_mm)} mm",
            where=str(case.mask),
            expected=f"at most {REFUSE_OUTSIDE:.0%}; the organ spans "
            f"{' × '.join(f'{edge:.0f}' for edge in mask.extent_mm)} mm",
            try_=f"--set data.fov_mm={edge_for_extent(mask.extent_mm):.0f}",
        )
    return outside


def field_of_view(header: CohortHeader) -> tuple[float, float, float] | None:
    """Edges in mm, without the rounding error of the division by voxels, so that cubes are equal bit by bit."""
    if header.spacing_mm is None:
        return None
    x, y, z = (round(edge * count, 6) for edge, count in zip(header.spacing_mm, header.shape, strict=True))
    return x, y, z
