"""Whether the CT of a case has the unit of the other cases of its cohort.

Honest differences between organs are large: contrast phases have 40 to 140 HU, a fatty liver down to -20. They do
not move the air around the body; a shift or another scale does. So a case is refused if its air lies elsewhere than in
the cohort, and its organ fits the cohort once that shift or scale is undone; or if its organ alone is far too dense.
Everything else that differs from the cohort is a warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from survembed.datasets.volume.hounsfield import ASSUME, USUAL_HU
from survembed.errors import DataError

MIN_COHORT = 3
"""Smallest number of cases that are compared."""
UNLIKE_HU = 100.0
"""Distance from the median of the cohort above which an unusually dense organ is refused."""
MOVED_AIR_HU = 50.0
"""Distance of the air from that of the cohort which is no noise and no other scanner."""
SCALES = (0.75, 1.25)
"""Ratios of two peaks of air between which a scale is not told from a shift."""
FIT_HU = 25.0
"""An organ fits the cohort up to this distance from the range of the others."""
WARN_HU, WARN_DEVIATIONS = 60.0, 5.0
"""Distance from the median of the cohort, in HU and in robust standard deviations, above which an organ is doubtful."""


class Density(NamedTuple):
    """Median HU inside the organ, and HU of the air around the body; NaN if the scan shows no air."""

    organ: float
    air: float


def unlike_cohort(densities: Mapping[str, Density]) -> dict[str, DataError]:
    """Errors of the cases that are in another unit than the cohort, by id."""
    causes = {name: _cause(name, densities) for name in densities} if len(densities) >= MIN_COHORT else {}
    typical = _typical(densities)
    return {
        name: DataError(
            f"the median inside the organ is {densities[name].organ:.0f} HU, that of the cohort {typical.organ:.0f} "
            f"HU{cause}",
            expected=f"{USUAL_HU[0]:g} to {USUAL_HU[1]:g} HU, or a density like the cohort's, and air at -1000 HU",
            try_=f"export the CT again with its rescale; {ASSUME}",
        )
        for name, cause in causes.items()
        if cause
    }


def unusual_in_cohort(densities: Mapping[str, Density]) -> dict[str, str]:
    """Warnings of the cases whose organ is far from those of the cohort, in HU and in its spread, by id."""
    if len(densities) < MIN_COHORT:
        return {}
    organs = np.array([density.organ for density in densities.values()])
    typical = float(np.median(organs))
    spread = 1.4826 * float(np.median(np.abs(organs - typical)))
    limit = max(WARN_HU, WARN_DEVIATIONS * spread)
    return {
        name: f"the median inside the organ is {density.organ:.0f} HU, that of the cohort {typical:.0f} HU: another "
        "contrast phase, or another unit?"
        for name, density in densities.items()
        if abs(density.organ - typical) > limit
    }


def _typical(densities: Mapping[str, Density]) -> Density:
    """Medians of the cohort."""
    airs = [density.air for density in densities.values() if not np.isnan(density.air)]
    organ = float(np.median([density.organ for density in densities.values()])) if densities else float("nan")
    return Density(organ, float(np.median(airs)) if airs else float("nan"))


def _cause(name: str, densities: Mapping[str, Density]) -> str:
    """Why a case is in another unit; empty if it can be in the unit of the cohort."""
    own, typical = densities[name], _typical(densities)
    others = {other: density for other, density in densities.items() if other != name}
    if own.organ > USUAL_HU[1] and abs(own.organ - typical.organ) > UNLIKE_HU:
        return ": another unit?"
    airs = [density.air for density in others.values() if not np.isnan(density.air)]
    if len(airs) < MIN_COHORT - 1 or np.isnan(own.air):
        return ""
    air = float(np.median(airs))
    together = sum(abs(each - air) <= MOVED_AIR_HU for each in airs)
    if abs(own.air - air) <= MOVED_AIR_HU or 4 * together < 3 * len(airs):
        return ""
    low, high = (limit([density.organ for density in others.values()]) for limit in (min, max))
    ratio, shift = own.air / air, own.air - air
    where = f"; its air is at {own.air:.0f} HU, theirs at {air:.0f} HU: likely"
    if not SCALES[0] <= ratio <= SCALES[1] and low - FIT_HU <= own.organ / ratio <= high + FIT_HU:
        return f"{where} HU · {ratio:.2g}"
    fits_as_it_is = low - FIT_HU <= own.organ <= high + FIT_HU
    if not fits_as_it_is and low - FIT_HU <= own.organ - shift <= high + FIT_HU:
        return f"{where} shifted by about {round(shift, -1):.0f} HU"
    return ""
