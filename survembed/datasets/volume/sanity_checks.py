"""What a radiologist or a statistician would look at twice: volumes and outcomes that cannot well be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from survembed.survival.kaplan_meier import follow_up

ORGAN_ML = (50.0, 6000.0)
"""Below and above, hardly any abdominal organ of an adult: voxel sizes or labels are wrong."""
LIVER_ML = (500.0, 4000.0)
"""Where the median of a cohort of livers lies, with all their tumours."""
FACTOR = 3.0
"""From which distance to the cohort's median an organ is named."""
DAY, YEARS = 3.0, 60 * 365.25
"""Median follow-up below and above which the unit of time must be wrong, in days."""


def organ_warnings(organ_ml: Mapping[str, float]) -> dict[str, str]:
    """Subjects whose organ has a volume that few organs have, or that is far from the cohort's; why, by id."""
    if not organ_ml:
        return {}
    median = float(np.median(list(organ_ml.values())))
    found = {}
    for subject, volume in organ_ml.items():
        if not ORGAN_ML[0] <= volume <= ORGAN_ML[1]:
            found[subject] = f"implausible organ volume of {volume:.0f} ml: are voxel sizes and labels right?"
        elif len(organ_ml) >= 5 and not median / FACTOR <= volume <= median * FACTOR:
            found[subject] = f"implausible organ volume of {volume:.0f} ml: the cohort's median is {median:.0f} ml"
    return found


def cohort_warnings(organ_ml: Sequence[float], tumour_ml: Sequence[float]) -> list[str]:
    """What is doubtful in the volumes as a whole."""
    found = []
    if organ_ml and not LIVER_ML[0] <= float(np.median(organ_ml)) <= LIVER_ML[1]:
        found.append(
            f"the median organ has {np.median(organ_ml):.0f} ml; livers have {LIVER_ML[0]:.0f} to {LIVER_ML[1]:.0f}: "
            "is it another organ, or are labels or voxel sizes wrong?"
        )
    if tumour_ml and not any(tumour_ml):
        found.append("no case has any tumour: check --set data.tumour_labels=…")
    return found


def duplicates(contents: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Subjects that share any content, by id; `contents` holds hashes."""
    found: dict[str, str] = {}
    for (one, hashes), (other, others) in combinations(contents.items(), 2):
        if not set(hashes).isdisjoint(others):
            found.setdefault(other, f"the same images as {one}")
            found.setdefault(one, f"the same images as {other}")
    return found


def outcome_warnings(duration: NDArray[np.float64], event: NDArray[np.bool_], unit_given: bool) -> list[str]:
    """What is doubtful in durations and events.

    Parameters
    ----------
    duration
        (n,) in days.
    event
        (n,) bool.
    unit_given
        Whether the user or the column's name said the unit, rather than nobody.
    """
    followed = follow_up(duration, event)
    found = []
    share = followed.n_events / followed.n
    if not duration.any():
        found.append("all durations are 0")
    elif len(duration) > 1 and (duration == duration[0]).all():
        found.append(f"all durations are {duration[0]:g} days")
    elif zeros := int((duration == 0).sum()):
        found.append(f"{zeros} duration(s) of 0 days")
    if followed.n_events == followed.n:
        found.append("every subject has the event: are censored subjects left out, or the event column wrong?")
    elif share < 0.05 or share > 0.95:
        found.append(f"{share:.0%} of subjects have the event: is the event column inverted?")
    typical = float(np.median(duration)) if np.isnan(followed.median) else followed.median
    if 0 < typical < DAY:
        found.append(f"median follow-up of {typical:.2g} days: are the durations years or months?")
    elif typical > YEARS:
        found.append(f"median follow-up of {typical / 365.25:.0f} years: are the durations in a smaller unit?")
    elif not unit_given and (duration != np.rint(duration)).any() and 0 < duration.max() < 365:
        found.append("durations have fractions and no unit is known: are they months? --set data.duration_unit=months")
    return found
