"""Tables with a row for each picture: the subject of each row, and one row for each subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from survembed.datasets.picture.files import is_picture_name
from survembed.datasets.tabular.columns import require_column
from survembed.datasets.tabular.ids import are_names, is_id_name
from survembed.datasets.tabular.table import Table
from survembed.datasets.tabular.texts import texts
from survembed.errors import DataError

CELLS = 200
"""Cells of a column that show whether it holds names of pictures."""


def find_image_column(table: Table, given: str | None) -> str | None:
    """The column with the names of pictures: given, or the only one in which most cells are such names; else None.

    Raises
    ------
    DataError
        If the given column does not exist, or there are several.
    """
    if given is not None:
        return require_column(table, given)
    first = replace(table, frame=table.frame.head(CELLS))
    found = [str(name) for name in table.frame.columns if _are_pictures(texts(first, str(name)).tolist())]
    if len(found) > 1:
        raise DataError(
            f"columns '{found[0]}' and '{found[1]}' may both hold the names of the pictures",
            where=table.where,
            expected="one column with the file of each picture, or its name",
            try_=f"--set 'data.image_column={found[0]}', or '{found[1]}'",
        )
    return found[0] if found else None


def _are_pictures(contents: Sequence[str]) -> bool:
    known = [content for content in contents if content]
    return bool(known) and 2 * sum(map(is_picture_name, known)) > len(known)


def find_subject_column(table: Table, given: str | None, image_column: str) -> str:
    """The column of the subject of each picture: given, or the only one by name; else the column of the pictures.

    Raises
    ------
    DataError
        If several columns have the name of ids and divide the pictures differently: pictures of one patient must not be
        in the training and in the test part.
    """
    if given is not None:
        return require_column(table, given)
    names = [str(name) for name in table.frame.columns if is_id_name(str(name)) and name != image_column]
    found = [name for name in names if not are_names(texts(table, name).tolist())]
    if not found:
        return image_column
    groups = {name: np.unique(texts(table, name), return_inverse=True)[1] for name in found}
    for other in found[1:]:
        pairs = len(set(zip(groups[found[0]].tolist(), groups[other].tolist(), strict=True)))
        if not pairs == groups[found[0]].max() + 1 == groups[other].max() + 1:
            raise DataError(
                f"columns '{found[0]}' and '{other}' may both be the subject of a picture",
                where=table.where,
                expected="the column of patients, so that all pictures of a patient are in one part of the split",
                try_=f"--set 'data.id_column={found[0]}', or '{other}'",
            )
    return found[0]


def one_row_each(table: Table, subject_column: str) -> tuple[Table, set[str]]:
    """The first row of each subject, and the columns whose cells differ between the rows of a subject."""
    frame = table.frame
    subjects = texts(table, subject_column)
    _, first, group = np.unique(subjects, return_index=True, return_inverse=True)
    first_row = first[group]
    is_first = (first_row == np.arange(len(frame))) | (subjects == "")
    differing = set()
    for name in map(str, frame.columns):
        cells = texts(table, name)
        if ((cells != cells[first_row]) & (subjects != "")).any():
            differing.add(name)
    return replace(table, frame=frame[is_first].reset_index(drop=True)), differing
