"""Convert cells of a table to text, numbers, ids, durations and events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survembed.errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd

MISSING = frozenset({"", "na", "n/a", "nan", "none", "null", "."})
"""Contents, in lower case, of a cell without a value."""

_BOOLEAN = {"true": "1", "false": "0"}


def to_number(cell: str) -> float:
    """`cell` as a number; NaN if it is not one."""
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def texts(cells: pd.Series[Any]) -> NDArray[np.str_]:
    """Cells as stripped strings (n,), "" where missing; integers have no decimal point, so that 1.0 becomes `1`."""
    import pandas as pd

    def text(cell: Any) -> str:
        if cell is None or cell is pd.NA or cell is pd.NaT:
            return ""
        if isinstance(cell, float | np.floating) and float(cell).is_integer():
            return str(int(cell))
        value = str(cell).replace("\0", "").strip()
        return "" if value.lower() in MISSING else value

    return np.array([text(cell) for cell in cells], dtype=np.str_)


def numbers(cells: pd.Series[Any]) -> NDArray[np.float64] | None:
    """Cells as float64 (n,), NaN where missing, true as 1; None if a cell is not a number."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(cells.dtype):
        return np.array(cells.to_numpy(dtype=np.float64, na_value=np.nan))  # a copy: the caller may change it
    if not (pd.api.types.is_object_dtype(cells.dtype) or pd.api.types.is_string_dtype(cells.dtype)):
        return None
    values = [_BOOLEAN.get(value.lower(), value) or "nan" for value in texts(cells)]
    try:
        return np.array(values, dtype=np.str_).astype(np.float64)
    except ValueError:
        return None


def identifiers(frame: pd.DataFrame, column: str, where: str) -> NDArray[np.str_]:
    """Ids (n,) as strings: `007` stays `007`, and 7.0 from a spreadsheet becomes `7`.

    Raises
    ------
    DataError
        If an id is missing or appears twice.
    """
    ids = texts(frame[column])
    if (ids == "").any():
        row = int(np.flatnonzero(ids == "")[0])
        raise DataError(f"row {row + 1} has no id in column '{column}'", where=where, expected="an id in every row")
    unique, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise DataError(
            f"subject '{unique[counts > 1][0]}' appears {counts.max()} times in column '{column}'",
            where=where,
            expected="one row per subject",
        )
    return ids


def _first_bad(bad: NDArray[np.bool_], ids: NDArray[np.str_], cells: NDArray[np.str_]) -> str:
    row = int(np.flatnonzero(bad)[0])
    return f"{int(bad.sum())} in all, first: subject '{ids[row]}' has '{cells[row]}'"


def durations(frame: pd.DataFrame, column: str, ids: NDArray[np.str_], where: str) -> NDArray[np.float64]:
    """Durations (n,) float64 in the table's own unit; 0 is allowed.

    Raises
    ------
    DataError
        If a duration is missing, negative, infinite or not a number; the message names the first subject.
    """
    cells = texts(frame[column])
    values = np.array([to_number(cell) for cell in cells], dtype=np.float64)
    bad = ~np.isfinite(values) | (values < 0)
    if bad.any():
        raise DataError(
            f"column '{column}' has missing, negative or non-numeric durations ({_first_bad(bad, ids, cells)})",
            where=where,
            expected="a number of 0 or more for every subject",
        )
    return values


def events(
    frame: pd.DataFrame, column: str, ids: NDArray[np.str_], where: str, value: str | None = None
) -> NDArray[np.bool_]:
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
    cells = texts(frame[column])
    if value is None:
        codes = np.array([to_number(_BOOLEAN.get(cell.lower(), cell)) for cell in cells], dtype=np.float64)
        bad = ~np.isin(codes, (0.0, 1.0))
        expected, try_ = (
            "0 (censored) or 1 (event) for every subject",
            "--set data.event_value=TEXT, if a text marks events",
        )
    else:
        word, code = value.strip().casefold(), to_number(value)
        codes = np.array([cell.casefold() == word or to_number(cell) == code for cell in cells], dtype=np.float64)
        bad = cells == ""
        expected, try_ = f"'{value}' or another text for every subject", None
    if bad.any():
        raise DataError(
            f"column '{column}' has events that cannot be read ({_first_bad(bad, ids, cells)})",
            where=where,
            expected=expected,
            try_=try_,
        )
    if value is not None and not codes.any():
        words = sorted(set(cells.tolist()))
        raise DataError(
            f"no event: column '{column}' does not contain '{value}'",
            where=where,
            expected="one of " + ", ".join(words[:10]),
            try_=f"--set data.event_value={nearest(value, words) or words[0]}",
        )
    return codes.astype(np.bool_)
