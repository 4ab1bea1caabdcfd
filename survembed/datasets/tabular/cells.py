"""Convert cells of a table to ids, durations and events."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.tabular.missing import is_missing
from survembed.datasets.tabular.numbers import numbers
from survembed.datasets.tabular.numerals import numeral
from survembed.datasets.tabular.table import Column, Table
from survembed.datasets.tabular.texts import SPREADSHEET_ERRORS, texts
from survembed.errors import DataError, nearest

_BOOLEAN = {"true": "1", "false": "0"}


def identifiers(table: Table, column: str) -> NDArray[np.str_]:
    """Ids (n,) as strings: `007` stays `007`, and 7.0 from a spreadsheet becomes `7`.

    Raises
    ------
    DataError
        If an id is missing or appears twice.
    """
    ids = texts(table, column)
    if (ids == "").any():
        row = int(np.flatnonzero(ids == "")[0])
        raise DataError(
            f"row {row + 1} has no id in column '{column}'", where=table.where, expected="an id in every row"
        )
    unique, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise DataError(
            f"subject '{unique[counts > 1][0]}' appears {counts.max()} times in column '{column}'",
            where=table.where,
            expected="one row per subject",
        )
    return ids


def _first_bad(bad: NDArray[np.bool_], ids: NDArray[np.str_], cells: NDArray[np.str_]) -> str:
    row = int(np.flatnonzero(bad)[0])
    return f"{int(bad.sum())} in all, first: subject '{ids[row]}' has '{cells[row]}'"


def unusable_durations(table: Table, column: str) -> NDArray[np.bool_]:
    """(n,) True where a duration is missing, negative, infinite, a limit such as `>90`, or not a number."""
    import pandas as pd

    cells, strings = table.frame[column], texts(table, column)
    if not (pd.api.types.is_object_dtype(cells.dtype) or pd.api.types.is_string_dtype(cells.dtype)):
        strings = strings if pd.api.types.is_numeric_dtype(cells.dtype) else np.full_like(strings, "")

    def unusable(text: str) -> bool:
        number = numeral(text)
        return number is None or number.is_limit or not all(0 <= value < np.inf for value in number.readings.values())

    return np.array([unusable(text) for text in strings.tolist()], dtype=bool)


def durations(table: Table, column: str, ids: NDArray[np.str_]) -> Column:
    """Durations (n,) float64 in the table's own unit; 0 is allowed.

    Raises
    ------
    DataError
        If a duration is missing, negative, infinite or not a number; the message names the first subject. If the column
        can be read in two ways, or if its cells have a unit.
    """
    cells, bad = texts(table, column), unusable_durations(table, column)
    if bad.any():
        raise DataError(
            f"column '{column}' has missing, negative or non-numeric durations ({_first_bad(bad, ids, cells)})",
            where=table.where,
            expected="a number of 0 or more for every subject",
        )
    united = np.array([bool(one and one.unit) for one in map(numeral, cells.tolist())], dtype=bool)
    if united.any():
        raise DataError(
            f"column '{column}' has durations with a unit ({_first_bad(united, ids, cells)})",
            where=table.where,
            expected="numbers alone; the name of the column or the option duration_unit tells the unit",
        )
    read = numbers(table, column)
    assert read is not None  # every cell is a number
    return read


def events(table: Table, column: str, ids: NDArray[np.str_], value: str | None = None) -> NDArray[np.bool_]:
    """Events (n,) bool, True where the event was observed.

    Parameters
    ----------
    value
        Cell content that marks an event (such as `dead`); None if cells are 0 and 1, or false and true.

    Raises
    ------
    DataError
        If a cell is missing, if it is neither 0 nor 1 and `value` is None, or if no cell equals `value`.
    """
    cells = texts(table, column)
    if value is None:
        codes = np.array([_code(_BOOLEAN.get(cell.lower(), cell)) for cell in cells], dtype=np.float64)
        bad = ~np.isin(codes, (0.0, 1.0))
        expected, try_ = (
            "0 (censored) or 1 (event) for every subject",
            "--set data.event_value=TEXT, if a text marks events",
        )
    else:
        wanted, code = value.strip().casefold(), _code(value)
        codes = np.array([cell.casefold() == wanted or _code(cell) == code for cell in cells], dtype=np.float64)
        bad = np.array([is_missing(cell) or cell in SPREADSHEET_ERRORS for cell in cells.tolist()], dtype=bool)
        expected, try_ = f"'{value}' or another text for every subject", None
    if bad.any():
        raise DataError(
            f"column '{column}' has events that cannot be read ({_first_bad(bad, ids, cells)})",
            where=table.where,
            expected=expected,
            try_=try_,
        )
    if value is not None and not codes.any():
        known = sorted(set(cells.tolist()))
        raise DataError(
            f"no event: column '{column}' does not contain '{value}'",
            where=table.where,
            expected="one of " + ", ".join(known[:10]),
            try_=f"--set data.event_value={nearest(value, known) or known[0]}",
        )
    return codes.astype(np.bool_)


def _code(cell: str) -> float:
    """`cell` as a number without a thousands mark; NaN if it is none, or a limit."""
    number = numeral(cell)
    if number is None or number.is_limit or number.unit or len(set(number.readings.values())) != 1:
        return float("nan")
    return next(iter(number.readings.values()))
