"""Table of the subjects of a cohort, for reports; no subject is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.covariates import usable
from survembed.cohort.subjects import SPLITS, Subjects
from survembed.progress import QUIET, Reporter
from survembed.runs.embedding import open_cohort
from survembed.runs.latents import Latents
from survembed.runs.run import Run
from survembed.survival.kaplan_meier import follow_up

MAX_LEVELS = 6
"""The table omits text columns with more distinct values."""


def table_of_parts(subjects: Subjects, split: NDArray[np.str_], unit: str) -> dict[str, list[Any]]:
    """`columns` and `rows` of the table of all subjects, those outside the test part, and those in it.

    `parts` lists each part of the split (n,) with its numbers of subjects and events.
    """
    test = split == "test"
    parts = {"all": np.ones(len(split), dtype=bool), "training and validation": ~test, "held out": test}
    counts = [(name, int((split == name).sum()), int(subjects.event[split == name].sum())) for name in SPLITS]
    return {
        "columns": ["", *parts],
        "rows": participants(subjects, parts, unit),
        "parts": [list(each) for each in counts if each[1]],
    }


def participants_of(run: Run, latents: Latents, reporter: Reporter = QUIET) -> dict[str, list[Any]]:
    """The table of a run, as recorded by its training; of a run of an earlier version from its cohort."""
    recorded: dict[str, list[Any]] | None = run.record["cohort"].get("table")
    if recorded is not None:
        return recorded
    with open_cohort(run, reporter) as cohort:
        return table_of_parts(cohort.subjects, latents.split, latents.time_unit)


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
