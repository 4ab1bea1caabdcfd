"""Flow of exclusions into a cohort, and table of its subjects; no subject is named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.covariates import usable
from survembed.cohort.subjects import Subjects
from survembed.survival.kaplan_meier import follow_up

FILE = re.compile(r"\S+\.(?:nii(?:\.gz)?|dcm|nrrd|csv|tsv|xlsx|json|parquet|h5|hdf5)\b")
COUNTED = re.compile(r"(\d+) (?:of \d+ )?(.*)")
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


def flow(notes: Sequence[str], ids: Sequence[str], n: int) -> Flow:
    """Flow of exclusions into a cohort of `n` subjects, from the notes of its preparation.

    Names of subjects and files in the notes are removed; equal reasons are counted together.
    """
    left_out: Counter[str] = Counter()
    remarks: Counter[str] = Counter()
    subjects = {str(each) for each in ids}
    for note in notes:
        subject, _, rest = note.partition(": ")
        if subject in subjects:
            remarks[_without_names(rest)] += 1
        elif note.startswith("left out: "):
            reason, count = _counted(note.removeprefix("left out: "))
            left_out[reason] += count
        elif re.match(r"\d+ (row|of \d+ subjects)", note):
            reason, count = _counted(note)
            left_out[reason] += count
        else:
            remarks[note] += 1
    texts = tuple(f"{text} ({count} subjects)" if count > 1 else text for text, count in remarks.items())
    return Flow(n + sum(left_out.values()), tuple(left_out.most_common()), texts)


def _counted(text: str) -> tuple[str, int]:
    """Reason and number of records, from `3 row(s) without an image: a, b, c` or, for one record, `case: reason`."""
    match = COUNTED.fullmatch(text)
    if match is None:
        return _without_names(text.partition(": ")[2] or text), 1
    reason, _, rest = match[2].partition(": ")
    reason = re.sub(r"\s*(subjects )?(are )?left out$", "", reason)
    return _without_names(reason or rest), int(match[1])


def _without_names(text: str) -> str:
    return FILE.sub("a file", text).strip(" .…")


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
    median = follow_up(subjects.duration[part], subjects.event[part]).median
    return "not reached" if np.isnan(median) else f"{median:.4g}"


def _spread(values: NDArray[np.float64]) -> str:
    """Median, quartiles and number of missing values."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "–"
    low, middle, high = np.percentile(finite, [25, 50, 75])
    missing = len(values) - len(finite)
    return f"{middle:.4g} ({low:.4g} to {high:.4g})" + (f"; {missing} missing" if missing else "")
