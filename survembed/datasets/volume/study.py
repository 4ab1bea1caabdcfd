"""A study's images and its clinical table, found and joined; no voxel is read here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.exclusions import Exclusion, SubjectError, count_exclusions
from survembed.datasets.scan.case import Case
from survembed.datasets.tabular.clinical_table import ClinicalTable, Columns, find_table, read_clinical
from survembed.datasets.volume.layouts import find_cases
from survembed.datasets.volume.phantom import TITLE, TRUTH_COLUMN, is_phantom
from survembed.errors import DataError
from survembed.progress import Reporter
from survembed.survival.kaplan_meier import follow_up

if TYPE_CHECKING:
    from survembed.datasets import Liver

LISTED = 20
"""Most problems or warnings of one kind that are spelt out."""


@dataclass(frozen=True)
class Study:
    """Subjects with image and row.

    Attributes
    ----------
    title
        Name for tables and figures.
    synthetic
        Whether the subjects are simulated.
    cases
        Files of each subject, in the order of their ids; either all have a CT or none has.
    clinical
        The table.
    rows
        (n,) where each case stands in `clinical`.
    notes
        What was left out, and why.
    problems
        What makes no case and is not to be left out: preparation refuses it, together with bad cases.
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
        """Whether there are CTs, or masks only."""
        return any(case.ct for case in self.cases)


def find_study(root: Path, options: Liver, reporter: Reporter) -> Study:
    """Find the images and the table in `root`, and join them by id.

    Raises
    ------
    DataError
        When either is missing or wrong, or nothing joins. A file that makes no case, or a subject with an image or a
        row only, is one of the study's problems, or left out with `options.skip_bad`.
    """
    layout = find_cases(root)
    if not layout.cases:
        report_problems(layout.problems, False, f"'{root.resolve().name}'", root, reporter)
    title, columns = title_of(root, options), clinical_columns(root, options)
    path = options.clinical or find_table(root)
    clinical = read_clinical(path, columns, options.preset, options.skip_bad)
    position = {subject: row for row, subject in enumerate(clinical.id.tolist())}
    cases = tuple(case for case in layout.cases if case.id in position)
    reporter.say(
        f"{title}: laid out as {layout.name}; {len(layout.cases)} images, {len(position)} rows in {path.name}, "
        f"{len(cases)} subjects in both"
    )
    if not cases:
        images, rows = _some([case.id for case in layout.cases]), _some(list(position))
        raise DataError(
            f"no id in {path.name} is the name of an image",
            where=f"{path}, column '{clinical.columns.id}'",
            expected=f"ids as the images are named: {images}; the table has {rows}",
            try_="--set data.id_column=NAME, or name the files as the table does",
        )
    for note in clinical.notes:
        reporter.warn(note)
    problems = (*layout.problems, *one_sided(layout.cases, position, path, root))
    notes, exclusions = clinical.notes, clinical.exclusions
    if options.skip_bad:
        exclusions = count_exclusions(exclusions, problems)
        notes += report_problems(problems, True, f"'{root.resolve().name}'", root, reporter)
        problems = ()
    rows_kept = np.array([position[case.id] for case in cases])
    say_follow_up(clinical, rows_kept, reporter)
    return Study(title, columns.truth is not None, cases, clinical, rows_kept, notes, problems, exclusions)


def title_of(root: Path, options: Liver) -> str:
    """The study's name, for tables and figures; it says where subjects are simulated."""
    folder = root.resolve().name
    return TITLE if is_phantom(root) else f"synthetic {folder}" if options.truth_column else folder


def clinical_columns(root: Path, options: Liver) -> Columns:
    """Where the clinical table says what, as far as it is known before it is read."""
    return Columns(
        id=options.id_column,
        duration=options.duration_column,
        event=options.event_column,
        event_value=options.event_value,
        unit=options.duration_unit,
        truth=options.truth_column or (TRUTH_COLUMN if is_phantom(root) else None),
    )


def one_sided(cases: Sequence[Case], position: dict[str, int], path: Path, root: Path) -> list[SubjectError]:
    """Who is in the table only, and who in the images only."""
    rows = sorted(set(position) - {case.id for case in cases})
    images = [case.id for case in cases if case.id not in position]
    problems = []
    if rows:
        problems.append(
            SubjectError(
                f"{len(rows)} row(s) without an image: {_some(rows, LISTED)}",
                reason="row(s) without an image",
                n=len(rows),
                where=str(path),
                try_="add the images",
            )
        )
    if images:
        problems.append(
            SubjectError(
                f"{len(images)} image(s) without a row: {_some(images, LISTED)}",
                reason="image(s) without a row",
                n=len(images),
                where=str(root),
                try_="complete the table",
            )
        )
    return problems


def report_problems(
    problems: Sequence[DataError], skip_bad: bool, of: str, where: Path | str, reporter: Reporter
) -> tuple[str, ...]:
    """Refuse what is wrong, all of it at once; with `skip_bad` warn of it and return it as notes.

    Raises
    ------
    DataError
        When there is a problem and not `skip_bad`.
    """
    lines = [problem.line for problem in problems]
    if lines and not skip_bad:
        more = [f"… and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
        raise DataError(
            "\n    ".join([f"{len(lines)} problem(s) in {of}:", *lines[:LISTED], *more]),
            where=str(where),
            try_="mend these, or leave them out with --set data.skip_bad=true",
        )
    for line in lines:
        reporter.warn(f"left out: {line}")
    return tuple(f"left out: {problem.message}" for problem in problems)


def say_follow_up(clinical: ClinicalTable, rows: NDArray[np.int64], reporter: Reporter) -> None:
    """Say how long the subjects in `rows` were followed, which would give an inverted event column away."""
    followed = follow_up(clinical.duration[rows], clinical.event[rows])
    median = "not reached" if np.isnan(followed.median) else f"{followed.median:.0f} days"
    columns = clinical.columns
    reporter.say(
        f"{followed.n} subjects, {followed.n_events} events ({followed.n_events / followed.n:.0%}, column "
        f"'{columns.event}'), median follow-up {median} (reverse Kaplan–Meier, column '{columns.duration}' in "
        f"{columns.unit})"
    )
    zeros = int((clinical.duration[rows] == 0).sum())
    if zeros:
        reporter.warn(f"{zeros} duration(s) of 0 days, kept")


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + ("…" if len(names) > most else "")
