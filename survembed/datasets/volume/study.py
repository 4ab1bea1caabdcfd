"""A study: image files joined with the clinical table by subject. Voxels are not read here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.exclusions import Exclusion, count_exclusions
from survembed.datasets.joining import report_follow_up as report_follow_up
from survembed.datasets.joining import report_problems as report_problems
from survembed.datasets.joining import rows_by_subject as rows_by_subject
from survembed.datasets.joining import shortened, unmatched
from survembed.datasets.scan.case import Case, Layout
from survembed.datasets.scan.structure_names import MaskNames
from survembed.datasets.tabular.clinical_table import ClinicalTable, Columns, find_table, read_clinical
from survembed.datasets.volume.layouts import find_cases
from survembed.datasets.volume.phantom import TITLE, TRUTH_COLUMN, is_phantom
from survembed.errors import DataError
from survembed.progress import Reporter

if TYPE_CHECKING:
    from survembed.datasets import ClinicalStudy, Liver


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
    return join_study(root, options, layout, options.preset, reporter)


def join_study(
    root: Path,
    options: ClinicalStudy,
    layout: Layout,
    preset: str | None,
    reporter: Reporter,
    dropped: Collection[str] = (),
) -> Study:
    """Join the cases of a layout with the clinical table by id; errors as `find_study`.

    Parameters
    ----------
    dropped
        Subjects that are left out on purpose: their rows need no image.
    """
    source = f"'{root.resolve().name}'"
    if not layout.cases:
        report_problems(layout.problems, False, source, root, reporter)
    title, columns = study_title(root, options), clinical_columns(root, options)
    path = options.clinical or find_table(root)
    clinical = read_clinical(path, columns, preset, options.skip_bad)
    row_of = {subject: row for subject, row in rows_by_subject(clinical).items() if subject not in dropped}
    cases = tuple(case for case in layout.cases if case.id in row_of)
    reporter.say(
        f"{title}: layout {layout.name}; {len(layout.cases)} images, {len(row_of)} rows in {path.name}, "
        f"{len(cases)} subjects in both"
    )
    if not cases:
        image_ids, table_ids = shortened([case.id for case in layout.cases]), shortened(list(row_of))
        raise DataError(
            f"no id in {path.name} is the name of an image",
            where=f"{path}, column '{clinical.columns.id}'",
            expected=f"the ids of the images: {image_ids}; the table has {table_ids}",
            try_="--set data.id_column=NAME, or give the files the ids of the table as names",
        )
    for note in clinical.notes:
        reporter.warn(note)
    problems = (*layout.problems, *unmatched([case.id for case in layout.cases], row_of, path, root))
    notes, exclusions = (clinical.choice, *clinical.notes), clinical.exclusions
    if options.skip_bad:
        exclusions = count_exclusions(exclusions, problems)
        notes += report_problems(problems, True, source, root, reporter)
        problems = ()
    rows = np.array([row_of[case.id] for case in cases])
    report_follow_up(clinical, rows, reporter)
    return Study(title, columns.truth is not None, cases, clinical, rows, notes, problems, exclusions)


def study_title(root: Path, options: ClinicalStudy) -> str:
    """Name of the study for tables and figures; simulated studies are named synthetic."""
    folder = root.resolve().name
    return TITLE if is_phantom(root) else f"synthetic {folder}" if options.truth_column else folder


def clinical_columns(root: Path, options: ClinicalStudy) -> Columns:
    """Columns of the clinical table, as far as options give them."""
    return Columns.of(options, truth=options.truth_column or (TRUTH_COLUMN if is_phantom(root) else None))
