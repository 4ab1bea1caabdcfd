"""Warnings of implausible organ volumes and duplicate images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from survembed.datasets.tabular.outcome_check import outcome_warnings as outcome_warnings

NO_TUMOUR_HINT = (
    "if there are tumours, --set data.tumour_labels=LABEL for label maps, --set data.tumour_segments=NAME for masks"
)
ORGAN_ML = (50.0, 6000.0)
"""Plausible volume of an abdominal organ of an adult."""
LIVER_ML = (500.0, 4000.0)
"""Plausible median volume of livers, tumours included."""
MEDIAN_FACTOR = 3.0
"""Largest plausible ratio between an organ and the median of the cohort."""


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
        warnings.append(f"no case has any tumour: {NO_TUMOUR_HINT}")
    return warnings


def duplicates(hashes: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Warnings of subjects with the same images, by id; `hashes` has the hashes of the images of each subject."""
    warnings: dict[str, str] = {}
    for (one, hashes_one), (other, hashes_other) in combinations(hashes.items(), 2):
        if not set(hashes_one).isdisjoint(hashes_other):
            warnings.setdefault(other, f"the same images as {one}")
            warnings.setdefault(one, f"the same images as {other}")
    return warnings
