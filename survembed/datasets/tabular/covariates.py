"""Covariates of a table: all columns but ids and outcomes, without those that identify a person or leak the outcome."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from survembed.datasets.tabular.columns import require_column
from survembed.datasets.tabular.identifying import holds_persons, names_person
from survembed.datasets.tabular.leakage import are_dates, are_row_numbers, association, names_outcome
from survembed.datasets.tabular.numbers import numbers
from survembed.datasets.tabular.outcome import Outcome
from survembed.datasets.tabular.table import Table
from survembed.datasets.tabular.texts import categories, texts
from survembed.errors import DataError

PERSON = "can identify a patient"
HOLDS_PERSONS = "by the contents, can identify a patient"
ROWS = "row numbers"
NAMES_OUTCOME = "another outcome, follow-up or a date, by the name"
DATES = "dates"


@dataclass
class Covariates:
    """Columns that may be used as covariates.

    Attributes
    ----------
    values
        (n,) numbers (NaN where missing) or strings ("" where missing) by column.
    left_out
        Columns by the reason for which they are left out.
    revealing
        How a column that is left out reveals the outcome by its contents, by column.
    unclear
        Errors of columns that cannot be read, or in two ways.
    cell_notes
        Sentences on decisions about cells.
    """

    values: dict[str, NDArray[Any]] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    revealing: dict[str, str] = field(default_factory=dict)
    unclear: list[DataError] = field(default_factory=list)
    cell_notes: list[str] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """Sentences on the columns that are left out, without any content."""
        sentences = [
            f"columns that can identify a patient were dropped: {', '.join(names)}"
            if reason == PERSON
            else f"Columns left out ({reason}): {', '.join(names)}. To keep one: --set data.allow=NAME."
            for reason, names in self.left_out.items()
        ]
        sentences += [
            f"Column '{name}' is left out: {how}. To keep it: --set 'data.allow={name}'."
            for name, how in self.revealing.items()
        ]
        sentences += [f"left out: {error.message}; {error.remedy}" for error in self.unclear]
        return sentences + self.cell_notes


def read_covariates(outcome: Outcome, requested: Collection[str] = ()) -> Covariates:
    """Read the covariates of a table.

    Parameters
    ----------
    requested
        Only these columns; empty for all. A requested column is never left out silently.

    Raises
    ------
    DataError
        If a requested or allowed column does not exist, or a requested column may not be used.
    """
    table, columns = outcome.table, outcome.columns
    used = {columns.id, columns.duration, columns.event, columns.truth, columns.entry}
    allowed = {require_column(table, name) for name in columns.allow}
    found = Covariates()
    for name in requested or [str(name) for name in table.frame.columns if name not in used]:
        if name in used:
            message = f"column '{name}' is not a feature: it holds the outcome or the ids"
            raise DataError(message, where=table.where)
        reason = reason_to_leave_out(table, require_column(table, name), is_allowed=name in allowed)
        if reason is not None and requested:
            raise _not_usable(name, reason, table.where)
        if reason is not None:
            found.left_out.setdefault(reason, []).append(name)
            continue
        try:
            column = numbers(table, name) or categories(table, name)
        except DataError as error:
            if requested:
                raise
            found.unclear.append(error)
            continue
        if name not in allowed and are_row_numbers(name, column.values):
            reason = ROWS
        how = None if reason or name in allowed else association(column.values, outcome.duration, outcome.event)
        if requested and (reason or how):
            raise _not_usable(name, reason or how or "", table.where)
        if reason is not None:
            found.left_out.setdefault(reason, []).append(name)
        elif how is not None:
            found.revealing[name] = how
        else:
            found.values[name] = column.values
            found.cell_notes += column.notes
    return found


def refuse_unclear(covariates: Covariates, where: str) -> None:
    """Raise an error if a column cannot be read or reveals the outcome: here the covariates are the images.

    Raises
    ------
    DataError
        If there is such a column.
    """
    for error in covariates.unclear:
        raise error
    for name, how in covariates.revealing.items():
        raise _not_usable(name, how, where)


def reason_to_leave_out(table: Table, name: str, *, is_allowed: bool = False) -> str | None:
    """Reason to leave out a column by its name and the kind of its contents; None if there is none."""
    if names_person(name):
        return PERSON
    if is_allowed:
        return None
    if names_outcome(name):
        return NAMES_OUTCOME
    contents = texts(table, name).tolist()
    if are_dates(contents):
        return DATES
    return HOLDS_PERSONS if holds_persons(contents) else None


def _not_usable(name: str, reason: str, where: str) -> DataError:
    if reason == PERSON:
        message = f"column '{name}' is not a feature: it can identify a patient"
        return DataError(message, where=where, expected="no names, contacts, birth dates or record numbers")
    risk = "identify a patient" if reason == HOLDS_PERSONS else f"reveal the outcome: {reason}"
    return DataError(
        f"column '{name}' may {risk}",
        where=where,
        expected="features that are known before the outcome, and no names, contacts or free text",
        try_=f"--set 'data.allow={name}', if it is such a feature; else --set data.features=… without it",
    )
