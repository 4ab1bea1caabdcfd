"""Convert cells of a table to ids and durations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.tabular.numbers import numbers
from survembed.datasets.tabular.numerals import numeral
from survembed.datasets.tabular.table import Column, Table
from survembed.datasets.tabular.texts import texts
from survembed.errors import DataError


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
            try_="remove the units from the cells, and name the column 'os_days', 'os_months' or the like",
        )
    read = numbers(table, column)
    assert read is not None  # every cell is a number
    return read
