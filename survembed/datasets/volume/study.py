"""A study: image files joined with the clinical table by subject. Voxels are not read here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.exclusions import Exclusion, SubjectError, count_exclusions
from survembed.datasets.scan.case import Case
from survembed.datasets.scan.structure_names import MaskNames, composed
from survembed.datasets.tabular.clinical_table import ClinicalTable, Columns, find_table, read_clinical
from survembed.datasets.volume.layouts import find_cases
from survembed.datasets.volume.phantom import TITLE, TRUTH_COLUMN, is_phantom
from survembed.errors import DataError
from survembed.progress import Reporter
from survembed.survival.kaplan_meier import follow_up

if TYPE_CHECKING:
    from survembed.datasets import Liver

LISTED = 20
"""Largest number of problems or warnings that are listed individually."""


@dataclass(frozen=True)
class Study:
    """Subjects with images and a row in the clinical table.

    Attributes
    ----------
    title
        Name for tables and figures.
    synthetic
        Whether the subjects are simulated.
    cases
        Files of each subject, sorted by id; either all have a CT or none has.
    clinical
        The clinical table.
    rows
        (n,) row of each case in `clinical`.
    notes
        Excluded subjects and columns, with the reason.
    problems
        Files and rows that form no subject. `prepare` refuses them, together with invalid cases.
    exclusions
        Subjects excluded with `skip_bad`, by reason.
    """

    title: str
    synthetic: bool
    cases: tuple[Case, ...]
    clinical: ClinicalTable
    rows: NDArray[np.int64]
    notes: tuple[str, ...]
    problems: tuple[DataError, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()

    @property
    def has_ct(self) -> bool:
        """Whether the study has CTs, not only masks."""
        return any(case.ct for case in self.cases)


def find_study(root: Path, options: Liver, reporter: Reporter) -> Study:
    """Find the images and the clinical table in `root`, and join them by id.

    Raises
    ------
    DataError
        If images or table are missing or invalid, or no id is in both. Files without a case and subjects in only one of
        the two are `problems` of the study, or excluded with `options.skip_bad`.
    """
    layout = find_cases(root, MaskNames(options.organ_segments, options.tumour_segments))
    source = f"'{root.resolve().name}'"
    if not layout.cases:
        report_problems(layout.problems, False, source, root, reporter)
    title, columns = study_title(root, options), clinical_columns(root, options)
    path = options.clinical or find_table(root)
    clinical = read_clinical(path, columns, options.preset, options.skip_bad)
    row_of = rows_by_subject(clinical)
    cases = tuple(case for case in layout.cases if case.id in row_of)
    reporter.say(
        f"{title}: layout {layout.name}; {len(layout.cases)} images, {len(row_of)} rows in {path.name}, "
        f"{len(cases)} subjects in both"
    )
    if not cases:
        image_ids, table_ids = _shortened([case.id for case in layout.cases]), _shortened(list(row_of))
        raise DataError(
            f"no id in {path.name} is the name of an image",
            where=f"{path}, column '{clinical.columns.id}'",
            expected=f"the ids of the images: {image_ids}; the table has {table_ids}",
            try_="--set data.id_column=NAME, or give the files the ids of the table as names",
        )
    for note in clinical.notes:
        reporter.warn(note)
    problems = (*layout.problems, *unmatched(layout.cases, row_of, path, root))
    notes, exclusions = (clinical.choice, *clinical.notes), clinical.exclusions
    if options.skip_bad:
        exclusions = count_exclusions(exclusions, problems)
        notes += report_problems(problems, True, source, root, reporter)
        problems = ()
    rows = np.array([row_of[case.id] for case in cases])
    report_follow_up(clinical, rows, reporter)
    return Study(title, columns.truth is not None, cases, clinical, rows, notes, problems, exclusions)


def rows_by_subject(clinical: ClinicalTable) -> dict[str, int]:
    """Row number of each subject in the clinical table; ids in the normal form NFC, like those of the cases."""
    return {composed(subject): row for row, subject in enumerate(clinical.id.tolist())}


def study_title(root: Path, options: Liver) -> str:
    """Name of the study for tables and figures; simulated studies are named synthetic."""
    folder = root.resolve().name
    return TITLE if is_phantom(root) else f"synthetic {folder}" if options.truth_column else folder


def clinical_columns(root: Path, options: Liver) -> Columns:
    """Columns of the clinical table, as far as options give them."""
    return Columns.of(options, truth=options.truth_column or (TRUTH_COLUMN if is_phantom(root) else None))


def unmatched(cases: Sequence[Case], row_of: dict[str, int], path: Path, root: Path) -> list[SubjectError]:
    """Problems for subjects that are only in the table or only among the images."""
    rows = sorted(set(row_of) - {case.id for case in cases})
    images = [case.id for case in cases if case.id not in row_of]
    return [
        SubjectError(
            f"{len(ids)} {reason}: {_shortened(ids, LISTED)}", reason=reason, n=len(ids), where=str(where), try_=remedy
        )
        for ids, reason, where, remedy in (
            (rows, "row(s) without an image", path, "add the images"),
            (images, "image(s) without a row", root, "complete the table"),
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


def _shortened(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + ("…" if len(names) > most else "")
