"""Columns of ids: found by name, with a different content in every row, and no names of people."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from survembed.datasets.tabular.columns import require_column
from survembed.datasets.tabular.table import Table
from survembed.datasets.tabular.texts import texts
from survembed.datasets.tabular.words import words

ID_NAMES = (
    *("id", "subject_id", "subject", "case_id", "case", "patient_id", "patient", "participant_id", "participant"),
    *("image_id", "sample_id", "pid", "pat_id", "ptid", "subj_id", "usubj_id", "study_id", "record_id", "tcia_id"),
    *("barcode", "pseudonym", "pseudonym_id"),
)
"""Names of id columns, most likely first; compared without case and separators."""


def find_id(table: Table, given: str | None, taken: Collection[str]) -> tuple[str | None, str]:
    """The id column and a sentence on a column that was not used, else "".

    A column that is found by its name must have a different content in every row, and must not hold names of people.

    Raises
    ------
    DataError
        If the given column does not exist.
    """
    if given is not None:
        return require_column(table, given), ""
    by_name = {"".join(words(str(name))): str(name) for name in table.frame.columns if name not in taken}
    found = [by_name[name] for name in (each.replace("_", "") for each in ID_NAMES) if name in by_name]
    named = [column for column in found if are_names(texts(table, column).tolist())]
    usable = [column for column in found if column not in named]
    unique = [column for column in usable if len(set(texts(table, column).tolist()) - {""}) == len(table.frame)]
    note = f"Column '{named[0]}' is not used as the id: it seems to hold names of people." if named else ""
    return next(iter([*unique, *usable]), None), note


def is_id_name(name: str) -> bool:
    """Whether a column has a usual name of an id column."""
    return "".join(words(name)) in {each.replace("_", "") for each in ID_NAMES}


def are_names(contents: Sequence[str]) -> bool:
    """Whether most contents look like names of people: `Roe, Jane`, `Jane Roe`, `ROE^JANE`, `Roe`; without digits."""
    known = [content for content in contents if content]
    return bool(known) and 2 * sum(map(_is_name, known)) > len(known)


def _is_name(content: str) -> bool:
    parts = [part for part in content.replace(",", " ").replace("^", " ").replace(".", " ").split() if part]
    if not parts or not all(part.replace("-", "").replace("'", "").isalpha() for part in parts):
        return False
    return len(parts) >= 2 or (len(parts[0]) >= 3 and parts[0][0].isupper() and parts[0][1:].islower())
