"""Flow of exclusions into a cohort, and table of its subjects; no subject is named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.covariates import usable
from survembed.cohort.exclusions import Exclusion, without_file_names
from survembed.cohort.subjects import Subjects
from survembed.survival.kaplan_meier import follow_up

EXCLUSION_NOTE = re.compile(r"left out: |Line\b|Line\(s\)|\d+ (row|of \d+ subjects)")
MAX_LEVELS = 6
"""The table omits text columns with more distinct values."""


@dataclass(frozen=True)
class Flow:
    """Numbers of records from source to cohort.

    Attributes
    ----------
    found
        Number of records: subjects in the cohort and excluded ones.
    left_out
        Reasons of exclusion with their number of records, as far as the preparation noted them.
    remarks
        Other notes: warnings about included subjects, ignored columns, generation of the data.
    """

    found: int
    left_out: tuple[tuple[str, int], ...]
    remarks: tuple[str, ...]


def flow(notes: Sequence[str], exclusions: Sequence[Exclusion], ids: Sequence[str], n: int) -> Flow:
    """The flow of exclusions into a cohort of `n` subjects; notes become remarks without names of subjects or files.

    Notes that record excluded subjects are dropped, because they name them and repeat `exclusions`; so are notes on
    lines of a table, because they quote titles and footnotes.
    """
    remarks: Counter[str] = Counter()
    included = {str(each) for each in ids}
    for note in notes:
        subject, _, rest = note.partition(": ")
        if subject in included:
            remarks[without_file_names(rest).strip(" .…")] += 1
        elif not EXCLUSION_NOTE.match(note):
            remarks[without_file_names(note)] += 1
    texts = tuple(f"{text} ({count} subjects)" if count > 1 else text for text, count in remarks.items())
    left_out = tuple((exclusion.reason, exclusion.n) for exclusion in exclusions)
    return Flow(n + sum(exclusion.n for exclusion in exclusions), left_out, texts)


def participants(subjects: Subjects, parts: Mapping[str, NDArray[np.bool_]], unit: str) -> list[list[str]]:
    """Table of the subjects in each part (masks (n,) by name): rows of a name and one text for each part."""
    rows = [
        ["subjects", *(str(int(part.sum())) for part in parts.values())],
        ["events", *(_share(subjects.event[part]) for part in parts.values())],
        [f"median follow-up ({unit}; reverse Kaplan–Meier)", *(_follow_up(subjects, part) for part in parts.values())],
        [f"duration ({unit})", *(_spread(subjects.duration[part]) for part in parts.values())],
    ]
    for name, values in subjects.measures.items():
        label = name.removesuffix("_ml").replace("_", " ") + (" volume (ml)" if name.endswith("_ml") else "")
        rows.append([label, *(_spread(np.asarray(values)[part]) for part in parts.values())])
    for name in usable(subjects.covariates):
        values = subjects.covariates[name]
        if name in subjects.measures:  # the same values in the clinical table
            continue
        if values.dtype.kind not in "OUS":
            rows.append([name, *(_spread(values[part].astype(np.float64)) for part in parts.values())])
            continue
        levels = sorted(set(values.tolist()) - {""})
        if len(levels) <= MAX_LEVELS:
            rows += [
                [f"{name}: {level}", *(_share(values[part] == level) for part in parts.values())] for level in levels
            ]
            if (values == "").any():
                rows.append([f"{name}: missing", *(_share(values[part] == "") for part in parts.values())])
    return rows


def _share(mask: NDArray[np.bool_]) -> str:
    return f"{int(mask.sum())} ({mask.mean():.0%})" if len(mask) else "0"


def _follow_up(subjects: Subjects, part: NDArray[np.bool_]) -> str:
    if not part.any():
        return "–"
    median = follow_up(*subjects.outcome.take(part)).median
    return "not reached" if np.isnan(median) else f"{median:.4g}"


def _spread(values: NDArray[np.float64]) -> str:
    """Median, quartiles and number of missing values."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "–"
    low, middle, high = np.percentile(finite, [25, 50, 75])
    missing = len(values) - len(finite)
    return f"{middle:.4g} ({low:.4g} to {high:.4g})" + (f"; {missing} missing" if missing else "")
