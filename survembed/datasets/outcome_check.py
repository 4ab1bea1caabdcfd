"""Check of the outcomes in a clinical table: numbers, problems and warnings for `survembed data check`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.study_check import FollowUpCheck, Problem
from survembed.datasets.joining import rows_by_subject, unmatched
from survembed.datasets.tabular.clinical_table import find_table, read_clinical
from survembed.datasets.tabular.columns import Columns
from survembed.datasets.tabular.time_unit import unit_in
from survembed.datasets.volume.sanity_checks import outcome_warnings
from survembed.errors import DataError
from survembed.survival.kaplan_meier import follow_up

if TYPE_CHECKING:
    from survembed.datasets import ClinicalStudy


def check_outcomes(
    root: Path, options: ClinicalStudy, columns: Columns, ids: Sequence[str], preset: str | None = None
) -> tuple[FollowUpCheck | None, list[Problem], list[str]]:
    """Outcomes of the subjects `ids`, which have images; problems and warnings of the clinical table."""
    problems: list[Problem] = []
    try:
        path = options.clinical or find_table(root)
        try:
            clinical = read_clinical(path, columns, preset)
        except DataError as error:
            problems.append(to_problem(error))
            clinical = read_clinical(path, columns, preset, skip_bad=True)  # to check the other rows
    except DataError as error:
        return None, problems or [to_problem(error)], []
    row_of = rows_by_subject(clinical)
    problems += [to_problem(error) for error in unmatched(ids, row_of, path, root)]
    rows = np.array([row_of[subject] for subject in ids if subject in row_of], dtype=np.int64)
    if not len(rows):
        return None, problems, list(clinical.notes)
    is_unit_given = bool(columns.unit or preset or unit_in(str(clinical.columns.duration)))
    follow_up_check, more, warnings = summarise(
        clinical.duration[rows], clinical.event[rows], clinical.columns, clinical.choice, is_unit_given, str(path)
    )
    return follow_up_check, problems + more, [*clinical.notes, *warnings]


def summarise(
    duration: NDArray[np.float64],
    event: NDArray[np.bool_],
    used: Columns,
    choice: str,
    is_unit_given: bool,
    where: str,
) -> tuple[FollowUpCheck, list[Problem], list[str]]:
    """Numbers of subjects and events with the median follow-up; a cohort without events is a problem."""
    followed = follow_up(duration, event)
    problems = []
    if followed.n_events == 0:
        message = "no event at all: every subject is censored"
        problems.append(Problem(message, "is the event column inverted?", where))
    median = None if np.isnan(followed.median) else followed.median
    check = FollowUpCheck(
        followed.n, followed.n_events, median, str(used.duration), str(used.event), str(used.unit), choice
    )
    return check, problems, outcome_warnings(duration, event, is_unit_given)


def to_problem(error: DataError, hide_path: bool = False) -> Problem:
    """The problem of an error; without its path, if that can identify a patient."""
    return Problem(error.message, error.remedy, None if hide_path else error.where)
