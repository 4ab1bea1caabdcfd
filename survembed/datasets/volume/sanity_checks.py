"""Warnings of implausible organ volumes, outcomes and duplicate images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from survembed.survival.kaplan_meier import follow_up

ORGAN_ML = (50.0, 6000.0)
"""Plausible volume of an abdominal organ of an adult."""
LIVER_ML = (500.0, 4000.0)
"""Plausible median volume of livers, tumours included."""
MEDIAN_FACTOR = 3.0
"""Largest plausible ratio between an organ and the median of the cohort."""
FOLLOW_UP_DAYS = (3.0, 60 * 365.25)
"""Plausible median follow-up; other values indicate a wrong unit of time."""


def organ_warnings(organ_ml: Mapping[str, float]) -> dict[str, str]:
    """Warnings of implausible organ volumes, by id."""
    if not organ_ml:
        return {}
    median = float(np.median(list(organ_ml.values())))
    warnings = {}
    for subject, volume in organ_ml.items():
        if not ORGAN_ML[0] <= volume <= ORGAN_ML[1]:
            warnings[subject] = f"implausible organ volume of {volume:.0f} ml: are voxel sizes and labels right?"
        elif len(organ_ml) >= 5 and not median / MEDIAN_FACTOR <= volume <= median * MEDIAN_FACTOR:
            warnings[subject] = f"implausible organ volume of {volume:.0f} ml: the cohort's median is {median:.0f} ml"
    return warnings


def cohort_warnings(organ_ml: Sequence[float], tumour_ml: Sequence[float]) -> list[str]:
    """Warnings of implausible volumes in the whole cohort."""
    warnings = []
    if organ_ml and not LIVER_ML[0] <= float(np.median(organ_ml)) <= LIVER_ML[1]:
        warnings.append(
            f"the median organ has {np.median(organ_ml):.0f} ml; livers have {LIVER_ML[0]:.0f} to {LIVER_ML[1]:.0f}: "
            "is it another organ, or are labels or voxel sizes wrong?"
        )
    if tumour_ml and not any(tumour_ml):
        warnings.append("no case has any tumour: check --set data.tumour_labels=…")
    return warnings


def duplicates(hashes: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Warnings of subjects with the same images, by id; `hashes` has the hashes of the images of each subject."""
    warnings: dict[str, str] = {}
    for (one, hashes_one), (other, hashes_other) in combinations(hashes.items(), 2):
        if not set(hashes_one).isdisjoint(hashes_other):
            warnings.setdefault(other, f"the same images as {one}")
            warnings.setdefault(one, f"the same images as {other}")
    return warnings


def outcome_warnings(duration: NDArray[np.float64], event: NDArray[np.bool_], is_unit_given: bool) -> list[str]:
    """Warnings of implausible durations and events.

    Parameters
    ----------
    duration
        (n,) in days.
    event
        (n,) bool.
    is_unit_given
        Whether an option or the name of the column gives the unit of the durations.
    """
    followed = follow_up(duration, event)
    warnings = []
    share = followed.n_events / followed.n
    if not duration.any():
        warnings.append("all durations are 0")
    elif len(duration) > 1 and (duration == duration[0]).all():
        warnings.append(f"all durations are {duration[0]:g} days")
    elif zeros := int((duration == 0).sum()):
        warnings.append(f"{zeros} duration(s) of 0 days")
    if followed.n_events == followed.n:
        warnings.append("every subject has the event: are censored subjects missing, or is the event column wrong?")
    elif share < 0.05 or share > 0.95:
        warnings.append(f"{share:.0%} of subjects have the event: is the event column inverted?")
    median = float(np.median(duration)) if np.isnan(followed.median) else followed.median
    if 0 < median < FOLLOW_UP_DAYS[0]:
        warnings.append(f"median follow-up of {median:.2g} days: are the durations years or months?")
    elif median > FOLLOW_UP_DAYS[1]:
        warnings.append(f"median follow-up of {median / 365.25:.0f} years: are the durations in a smaller unit?")
    elif not is_unit_given and (duration != np.rint(duration)).any() and 0 < duration.max() < 365:
        warnings.append(
            "durations have fractions and no unit is given: are they months? --set data.duration_unit=months"
        )
    return warnings
