"""A study of pictures: files joined with the clinical table by subject. Pixels are not read here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.exclusions import Exclusion, SubjectError, count_exclusions
from survembed.datasets.joining import report_follow_up, report_problems, rows_by_subject, shortened, unmatched
from survembed.datasets.picture.files import PictureFiles
from survembed.datasets.picture.rows import find_image_column, find_subject_column, one_row_each
from survembed.datasets.scan.structure_names import composed
from survembed.datasets.tabular.clinical_table import ClinicalTable, clinical_of, find_table, read_form
from survembed.datasets.tabular.columns import Columns, require_column
from survembed.datasets.tabular.table import Table
from survembed.datasets.tabular.texts import texts
from survembed.errors import DataError
from survembed.progress import Reporter

if TYPE_CHECKING:
    from survembed.datasets import Images

Files = Mapping[str, tuple[PurePosixPath, ...]]
"""Pictures of each subject, relative to the folder of the study."""

_PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"} | dict.fromkeys(
    ("val", "valid", "validate", "validation", "dev"), "validation"
)
"""Contents of the column of the split, without case."""


@dataclass(frozen=True)
class PictureStudy:
    """Subjects with pictures and a row in the clinical table.

    Attributes
    ----------
    title, synthetic
        Name for tables and figures, and whether the subjects are simulated.
    root
        Folder of the pictures.
    files
        Pictures of each subject, in the order of `rows`.
    clinical, rows
        The clinical table, and the row of each subject in it.
    split
        (n,) part of each subject, if the table has an official split.
    notes
        What was decided, and what is left out.
    problems
        Files and rows that form no subject.
    exclusions
        Subjects excluded with `skip_bad`, by reason.
    """

    title: str
    synthetic: bool
    root: Path
    files: Files
    clinical: ClinicalTable
    rows: NDArray[np.int64]
    split: NDArray[np.str_] | None
    notes: tuple[str, ...]
    problems: tuple[DataError, ...]
    exclusions: tuple[Exclusion, ...]


def find_study(options: Images, reporter: Reporter) -> PictureStudy:
    """Find the pictures and the clinical table, and join them.

    Raises
    ------
    DataError
        If the folder or the table is missing or invalid, or no subject has a picture.
    """
    root = options.root
    if root is None or not root.is_dir():
        raise DataError(
            "option root is not set" if root is None else f"no folder '{root.name}'",
            where=str(root or "option root"),
            expected="a folder of pictures, with a table of the subjects",
            try_="--root FOLDER",
        )
    path = options.clinical or find_table(root)
    table, columns = read_form(path, (Columns.of(options, truth=options.truth_column),))
    found = PictureFiles(root)
    if not found.paths:
        raise DataError(
            f"no pictures in '{root.name}'", where=str(root), expected="PNG, JPEG, TIFF, WebP, BMP or NPY files"
        )
    image_column = find_image_column(table, options.image_column)
    differing: set[str] = set()
    if image_column is not None:
        columns = replace(columns, id=find_subject_column(table, columns.id, image_column))
        listed, problems = _listed(table, image_column, str(columns.id), found)
        table, differing = one_row_each(table, str(columns.id))
        if image_column != columns.id:
            table = replace(table, frame=table.frame.drop(columns=image_column))
    split_column = options.split_column and require_column(table, options.split_column)
    without_split = replace(table, frame=table.frame.drop(columns=split_column)) if split_column else table
    clinical = clinical_of(without_split, columns, options.skip_bad)
    clinical = _without_differing(clinical, differing - {split_column}, table.where)
    row_of = rows_by_subject(clinical)
    if image_column is None:
        listed = {subject: tuple(found.of_subject(subject)) for subject in row_of}
        problems = _unmatched(listed, found, path)
    notes = (_sentence(image_column, listed, found), clinical.choice, *clinical.notes)
    files = {subject: listed[subject] for subject in row_of if listed.get(subject)}
    if not files:
        raise DataError(
            f"no subject of {path.name} has a picture",
            where=f"{path}, column '{image_column or clinical.columns.id}'",
            expected=f"names of files such as {found.paths[0]}; the table has {shortened(list(row_of))}",
            try_="--set data.image_column=NAME, the column with the names of the files",
        )
    for note in notes[:1] + clinical.notes:
        reporter.say(note)
    exclusions = clinical.exclusions
    if options.skip_bad:
        exclusions = count_exclusions(exclusions, problems)
        notes += report_problems(problems, True, f"'{root.resolve().name}'", root, reporter)
        problems = []
    rows = np.array([row_of[subject] for subject in files], dtype=np.int64)
    report_follow_up(clinical, rows, reporter)
    split = None
    if split_column:
        if split_column in differing:
            raise DataError(
                f"column '{split_column}' puts pictures of one subject in different parts",
                where=table.where,
                expected="all pictures of a subject in one part",
                try_="correct the column, or leave data.split_column out",
            )
        parts = _parts(table, split_column, str(clinical.columns.id))
        split = np.array([parts[subject] for subject in files], dtype=np.str_)
    title = root.resolve().name
    title = f"synthetic {title}" if options.truth_column else title
    return PictureStudy(
        title, bool(options.truth_column), root, files, clinical, rows, split, notes, tuple(problems), exclusions
    )


def _listed(table: Table, image_column: str, id_column: str, found: PictureFiles) -> tuple[Files, list[DataError]]:
    """Pictures of each subject by a column of the table, and the cells that name none, or more than one."""
    files: dict[str, list[PurePosixPath]] = {}
    taken: dict[PurePosixPath, str] = {}
    problems: list[DataError] = []
    for subject, content in zip(texts(table, id_column).tolist(), texts(table, image_column).tolist(), strict=True):
        subject = composed(subject)
        pictures = found.named(content)
        reason = remedy = ""
        if not content:
            reason, remedy = f"no picture in column '{image_column}'", "complete the table"
        elif not pictures:
            reason, remedy = f"no file {content}", "complete the folder"
        elif len(pictures) > 1:
            reason = f"several files for {content}: {shortened(list(map(str, pictures)))}"
            remedy = "give the path of the picture in the folder"
        elif taken.get(pictures[0], subject) != subject:
            reason = f"picture {pictures[0].name} is that of subject {taken[pictures[0]]}, too"
            remedy = "correct the table"
        if reason:
            plain = reason if not content else "a picture is missing, or not clear"
            problems.append(
                SubjectError(f"{subject}: {reason}", reason=plain, where=str(found.root / content), try_=remedy)
            )
        elif pictures[0] not in taken:
            taken[pictures[0]] = subject
            files.setdefault(subject, []).append(pictures[0])
    return {subject: tuple(paths) for subject, paths in files.items()}, problems


def _unmatched(listed: Files, found: PictureFiles, path: Path) -> list[DataError]:
    """Rows without a picture and pictures without a row, where ids are the names of the files."""
    used = {picture for pictures in listed.values() for picture in pictures}
    others = [str(picture) for picture in found.paths if picture not in used]
    with_picture = [subject for subject, pictures in listed.items() if pictures]
    return list(unmatched(with_picture + others, dict.fromkeys(listed, 0), path, found.root))


def _sentence(image_column: str | None, listed: Files, found: PictureFiles) -> str:
    n_subjects, n_pictures = sum(map(bool, listed.values())), sum(map(len, listed.values()))
    source = f"column '{image_column}'" if image_column else "ids, which are the names of files or folders"
    unlisted = len(found.paths) - n_pictures
    rest = f"; {unlisted} other picture(s) in the folder are not used" if unlisted else ""
    return f"{n_pictures} pictures of {n_subjects} subjects by {source}{rest}."


def _parts(table: Table, column: str, id_column: str) -> dict[str, str]:
    """Part of each subject by id.

    Raises
    ------
    DataError
        If a cell is neither training, validation nor test.
    """
    contents = texts(table, column).tolist()
    unknown = sorted({content for content in contents if content.casefold() not in _PARTS})
    if unknown:
        raise DataError(
            f"column '{column}' has '{unknown[0]}'",
            where=table.where,
            expected="train, validation or test for every subject",
            try_="correct the column, or leave data.split_column out",
        )
    subjects = map(composed, texts(table, id_column).tolist())
    return {subject: _PARTS[content.casefold()] for subject, content in zip(subjects, contents, strict=True)}


def _without_differing(clinical: ClinicalTable, differing: set[str], where: str) -> ClinicalTable:
    """The table without covariates that differ between the pictures of a subject.

    Raises
    ------
    DataError
        If the outcome, the late entry or the true log-hazard differs.
    """
    columns = clinical.columns
    refused = [name for name in (columns.duration, columns.event, columns.entry, columns.truth) if name in differing]
    if refused:
        raise DataError(
            f"column '{refused[0]}' differs between the pictures of a subject",
            where=where,
            expected="one outcome for each subject",
            try_=f"correct the table, or --set data.id_column=NAME with the column of the subjects, not '{columns.id}'",
        )
    covariates = {name: values for name, values in clinical.covariates.items() if name not in differing}
    dropped = [name for name in clinical.covariates if name in differing]
    note = f"Columns left out, as they differ between the pictures of a subject: {', '.join(dropped)}."
    return replace(clinical, covariates=covariates, notes=(*clinical.notes, *([note] if dropped else [])))
