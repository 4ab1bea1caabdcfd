"""Covariates of a table: all columns but ids and outcomes, without those that identify a person or leak the outcome."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from survembed.datasets.tabular.cells import numbers, texts
from survembed.datasets.tabular.columns import require_column
from survembed.datasets.tabular.identifying import holds_persons, names_person
from survembed.datasets.tabular.leakage import are_dates, are_row_numbers, association, names_outcome
from survembed.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from survembed.datasets.tabular.outcome import Outcome

PERSON = "may identify a person"
ROWS = "row numbers"
NAMES_OUTCOME = "another outcome, follow-up or a date, by the name"
DATES = "dates"
_CAN_BE_ALLOWED = (ROWS, NAMES_OUTCOME, DATES)


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
    """

    values: dict[str, NDArray[Any]] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    revealing: dict[str, str] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """Sentences on the columns that are left out, without any content."""
        sentences = [
            f"Columns left out ({reason}): {', '.join(names)}."
            + (" To keep one: --set data.allow=NAME." if reason in _CAN_BE_ALLOWED else "")
            for reason, names in self.left_out.items()
        ]
        return sentences + [
            f"Column '{name}' is left out: {how}. To keep it: --set 'data.allow={name}'."
            for name, how in self.revealing.items()
        ]


def read_covariates(outcome: Outcome, where: str, requested: Collection[str] = ()) -> Covariates:
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
    frame, columns = outcome.frame, outcome.columns
    used = {columns.id, columns.duration, columns.event, columns.truth}
    allowed = {require_column(frame, name, where) for name in columns.allow}
    found = Covariates()
    for name in requested or [str(name) for name in frame.columns if name not in used]:
        if name in used:
            raise DataError(f"column '{name}' is not a feature: it holds the outcome or the ids", where=where)
        cells = frame[require_column(frame, name, where)]
        reason = reason_to_leave_out(name, cells, is_allowed=name in allowed)
        how = None
        if reason is None:
            values = cell_values(cells)
            how = None if name in allowed else association(values, outcome.duration, outcome.event)
        if reason is None and how is None:
            found.values[name] = values
        elif requested:
            raise _not_usable(name, reason, how, where)
        elif reason is not None:
            found.left_out.setdefault(reason, []).append(name)
        elif how is not None:
            found.revealing[name] = how
    return found


def refuse_revealing(covariates: Covariates, where: str) -> None:
    """Raise an error if a column reveals the outcome by its contents: here the covariates are the images.

    Raises
    ------
    DataError
        If there is such a column.
    """
    for name, how in covariates.revealing.items():
        raise _not_usable(name, None, how, where)


def reason_to_leave_out(name: str, cells: pd.Series[Any], *, is_allowed: bool = False) -> str | None:
    """Reason by name and content alone, whatever the outcome is; None if there is none."""
    if names_person(name):
        return PERSON
    if not is_allowed and names_outcome(name):
        return NAMES_OUTCOME
    contents = texts(cells).tolist()
    if not is_allowed and are_dates(contents):
        return DATES
    if holds_persons(contents):
        return PERSON
    values = numbers(cells)
    return ROWS if not is_allowed and values is not None and are_row_numbers(name, values) else None


def cell_values(cells: pd.Series[Any]) -> NDArray[Any]:
    """Numbers (n,) if all cells are numbers or percentages, else strings."""
    values = numbers(cells)
    if values is None:
        values = numbers(cells.astype(str).str.replace(r"^\s*([-\d.]+)\s*%\s*$", r"\1", regex=True))
    return texts(cells) if values is None else values


def _not_usable(name: str, reason: str | None, how: str | None, where: str) -> DataError:
    if reason == PERSON:
        message = f"column '{name}' is not a feature: it may identify a person"
        return DataError(message, where=where, expected="no names, contacts, birth dates or record numbers")
    return DataError(
        f"column '{name}' may reveal the outcome: {how or reason}",
        where=where,
        expected="features that are known before the outcome",
        try_=f"--set 'data.allow={name}', if it is known before; else --set data.features=… without it",
    )
