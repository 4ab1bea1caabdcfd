"""Subjects with files and a row in a clinical table: who is in both, what is wrong, and how it is reported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.exclusions import SubjectError
from survembed.cohort.study_check import FollowUpCheck, Problem
from survembed.datasets.scan.structure_names import composed
from survembed.datasets.tabular.clinical_table import ClinicalTable, find_table, read_clinical
from survembed.datasets.tabular.columns import Columns
from survembed.datasets.tabular.outcome_check import summarise, to_problem
from survembed.datasets.tabular.time_unit import unit_in
from survembed.errors import DataError
from survembed.progress import Reporter
from survembed.survival.kaplan_meier import follow_up

LISTED = 20
"""Largest number of problems or warnings that are listed individually."""


def rows_by_subject(clinical: ClinicalTable) -> dict[str, int]:
    """Row number of each subject in the clinical table; ids in the normal form NFC, like those of the cases."""
    return {composed(subject): row for row, subject in enumerate(clinical.id.tolist())}


def unmatched(images: Sequence[str], row_of: dict[str, int], path: Path, root: Path) -> list[SubjectError]:
    """Problems for subjects that are only in the table or only among the ids of the images."""
    without_image = sorted(set(row_of) - set(images))
    without_row = [subject for subject in images if subject not in row_of]
    return [
        SubjectError(
            f"{len(ids)} {reason}: {shortened(ids, LISTED)}", reason=reason, n=len(ids), where=str(where), try_=remedy
        )
        for ids, reason, where, remedy in (
            (without_image, "row(s) without an image", path, "add the images"),
            (without_row, "image(s) without a row", root, "complete the table"),
        )
        if ids
    ]


def report_problems(
    problems: Sequence[DataError], skip_bad: bool, of: str, where: Path | str, reporter: Reporter
) -> tuple[str, ...]:
    """Refuse all problems in one error; with `skip_bad` warn of each and return them as notes.

    Raises
    ------
    DataError
        If there is a problem and not `skip_bad`.
    """
    lines = [problem.line for problem in problems]
    if lines and not skip_bad:
        more = [f"… and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
        raise DataError(
            "\n    ".join([f"{len(lines)} problem(s) in {of}:", *lines[:LISTED], *more]),
            where=str(where),
            try_="correct these, or leave them out with --set data.skip_bad=true",
        )
    for line in lines:
        reporter.warn(f"left out: {line}")
    return tuple(f"left out: {problem.message}" for problem in problems)


def report_follow_up(clinical: ClinicalTable, rows: NDArray[np.int64], reporter: Reporter) -> None:
    """Report events and follow-up of the subjects in `rows`; an inverted event column would be visible there."""
    followed = follow_up(clinical.duration[rows], clinical.event[rows])
    median = "not reached" if np.isnan(followed.median) else f"{followed.median:.0f} days"
    columns = clinical.columns
    reporter.say(
        f"{followed.n} subjects, {followed.n_events} events ({followed.n_events / followed.n:.0%}, column "
        f"'{columns.event}'), median follow-up {median} (reverse Kaplan–Meier, column '{columns.duration}' in "
        f"{columns.unit})"
    )
    reporter.say(clinical.choice)
    zeros = int((clinical.duration[rows] == 0).sum())
    if zeros:
        reporter.warn(f"{zeros} duration(s) of 0 days, kept")


def shortened(names: Sequence[str], most: int = 5) -> str:
    """The first names as text, and `…` for the others."""
    return ", ".join(names[:most]) + ("…" if len(names) > most else "")


def check_outcomes(
    root: Path, table: Path | None, columns: Columns, ids: Sequence[str], preset: str | None = None
) -> tuple[FollowUpCheck | None, list[Problem], list[str]]:
    """Outcomes of the subjects `ids`, which have images; problems and warnings of the clinical table."""
    problems: list[Problem] = []
    try:
        path = table or find_table(root)
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
