"""Tables from elsewhere: read as they stand, their columns found by name, durations and events parsed with care."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survembed.errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd

DURATION_NAMES = (
    "duration",
    "duration_days",
    "time_days",
    "days",
    "survival_time",
    "survival_days",
    "os_time",
    "os_days",
    "overall_survival",
    "overall_survival_days",
    "follow_up_days",
    "followup_days",
    "follow_up",
    "followup",
    "futime",
    "survival",
    "time",
    "t",
    "os",
)
"""Column names that hold durations, likeliest first; compared without case, and with `_` for any other sign."""

EVENT_NAMES = (
    "event",
    "event_observed",
    "os_event",
    "death",
    "dead",
    "died",
    "deceased",
    "fustat",
    "vital_status",
    "status",
    "e",
    "os",
)
"""Column names that hold events, likeliest first."""

ID_NAMES = (
    "id",
    "subject_id",
    "subject",
    "case_id",
    "case",
    "patient_id",
    "patient",
    "participant_id",
    "image_id",
    "sample_id",
    "pid",
)
"""Column names that hold ids, likeliest first."""

MISSING = frozenset({"", "na", "n/a", "nan", "none", "null", "."})
"""What a cell says, in lower case, when it says nothing."""

_BOOLEAN = {"true": "1", "false": "0"}


def read_table(path: Path, sheet: str | None = None) -> pd.DataFrame:
    """Read a CSV, TSV, XLSX (`sheet`, else the first) or Parquet file.

    Cells of CSV, TSV and XLSX stay the strings they are, so that `007` remains an id; Parquet keeps its types.
    A CSV may be separated by commas, semicolons (then a decimal comma is understood) or tabs.
    Columns without a name (an index that was written too) are left out.

    Raises
    ------
    DataError
        When the file is missing, empty, damaged, of another kind, or names a column twice.
    """
    import pandas as pd

    where, kind = str(path), path.suffix.lower()
    try:
        if kind == ".parquet":
            frame = pd.read_parquet(path, engine="pyarrow").reset_index()
            frame = frame.drop(columns="index") if "index" in frame and frame.columns[0] == "index" else frame
            frame = _with_names(frame, list(frame.columns), where)
        elif kind in (".csv", ".tsv", ".txt"):
            frame = _named(_read_text(path), where)
        elif kind == ".xlsx":
            frame = _named(_read_workbook(path, sheet), where)
        else:
            raise DataError(f"{path.name} is no table", where=where, expected=".csv, .tsv, .xlsx or .parquet")
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"no file {path.name}", where=where, expected="a CSV, TSV, XLSX or Parquet file") from error
    except Exception as error:  # a damaged file can raise anything from within the parsers of others
        raise DataError(
            f"cannot read {path.name}: {' '.join(str(error).split())[:200] or type(error).__name__}",
            where=where,
            expected="a whole CSV, TSV, XLSX or Parquet file",
        ) from error
    if not len(frame) or not len(frame.columns):
        raise DataError(f"{path.name} has no rows", where=where, expected="a row of names, then one row a subject")
    return frame


def _read_workbook(path: Path, sheet: str | None) -> pd.DataFrame:
    """All cells of a sheet, its first row among them."""
    import pandas as pd

    with pd.ExcelFile(path, engine="openpyxl") as book:
        if sheet is not None and sheet not in book.sheet_names:
            names = ", ".join(str(name) for name in book.sheet_names)
            raise DataError(f"{path.name} has no sheet '{sheet}'", where=str(path), expected=f"one of {names}")
        return book.parse(sheet or 0, header=None, dtype=str, na_filter=False)


def _read_text(path: Path) -> pd.DataFrame:
    """All cells of a delimited text file, its first line among them."""
    import pandas as pd

    text = path.read_bytes()
    if not text.strip():
        raise DataError(f"{path.name} is empty", where=str(path), expected="a row of names, then one row a subject")
    if b"\0" in text:
        raise DataError(f"{path.name} is no plain text", where=str(path), expected="UTF-8 text without zero bytes")
    try:
        encoding = "utf-8-sig"
        first = text.decode(encoding).lstrip().splitlines()[0]
    except UnicodeDecodeError:
        encoding = "cp1252"  # what Excel writes on Windows
        first = text.decode(encoding).lstrip().splitlines()[0]
    separator = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=first.count)
    rows = pd.read_csv(path, sep=separator, header=None, dtype=str, na_filter=False, encoding=encoding)
    if separator == ";":
        rows = rows.replace(r"^\s*(-?\d+),(\d+)\s*$", r"\1.\2", regex=True)
    return rows


def _named(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    """Rows under the names that the first of them gives."""
    if not len(rows):
        raise DataError("the table is empty", where=where, expected="a row of names, then one row a subject")
    rows = rows.fillna("")
    frame = _with_names(rows.iloc[1:], list(rows.iloc[0]), where)
    return frame[(frame != "").any(axis=1)].reset_index(drop=True)


def _with_names(frame: pd.DataFrame, names: list[Any], where: str) -> pd.DataFrame:
    """The columns that have a name, under that name."""
    plain = [str(name).replace("\0", "").strip() for name in names]
    twice = [name for name in plain if name and plain.count(name) > 1]
    if twice:
        raise DataError(f"two columns are named '{twice[0]}'", where=where, expected="every name once")
    return frame.set_axis(plain, axis=1).loc[:, [bool(name) for name in plain]]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


def require_column(frame: pd.DataFrame, column: str, where: str) -> str:
    """`column`, once it is seen to be there.

    Raises
    ------
    DataError
        When the table has no such column; the nearest name is given.
    """
    names = [str(name) for name in frame.columns]
    if column in names:
        return column
    close = nearest(column, names)
    raise DataError(
        f"no column '{column}'",
        where=where,
        expected="one of " + ", ".join(names[:30]),
        try_=f"'{close}'" if close else None,
    )


def guess_column(frame: pd.DataFrame, known: Iterable[str], taken: Iterable[str] = ()) -> str | None:
    """The column that has the likeliest of the `known` names and is not `taken`; None where none has one."""
    used = set(taken)
    by_plain = {_plain(str(name)): str(name) for name in frame.columns if name not in used}
    return next((by_plain[name] for name in known if name in by_plain), None)


def find_column(
    frame: pd.DataFrame,
    column: str | None,
    known: tuple[str, ...],
    option: str,
    where: str,
    taken: Iterable[str] = (),
) -> str:
    """The column that the user named, or else the one that has a `known` name.

    Parameters
    ----------
    option
        The option with which a user names the column, for the error.
    taken
        Columns already in use for something else.

    Raises
    ------
    DataError
        When the named column is not there, or none has a known name.
    """
    if column is not None:
        return require_column(frame, column, where)
    guess = guess_column(frame, known, taken)
    if guess is None:
        raise DataError(
            f"cannot tell which column is the {option.removesuffix('_column')}",
            where=where,
            expected=f"a column named one of {', '.join(known)}",
            try_=f"--set data.{option}=NAME, with one of {', '.join(map(str, frame.columns[:30]))}",
        )
    return guess


def texts(cells: pd.Series[Any]) -> NDArray[np.str_]:
    """Cells as stripped strings (n,), empty where missing; whole numbers have no decimal point, so `1.0` reads `1`."""
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
    """Cells as float64 (n,), NaN where missing, true as 1; None where some cell is no number."""
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
    """Ids (n,) as strings: `007` stays `007`, and a number that a spreadsheet made 7.0 is `7`.

    Raises
    ------
    DataError
        When one is missing or appears twice.
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
            expected="one row a subject",
        )
    return ids


def _first(bad: NDArray[np.bool_], ids: NDArray[np.str_], cells: NDArray[np.str_]) -> str:
    row = int(np.flatnonzero(bad)[0])
    return f"{int(bad.sum())} in all, first: subject '{ids[row]}' has '{cells[row]}'"


def durations(frame: pd.DataFrame, column: str, ids: NDArray[np.str_], where: str) -> NDArray[np.float64]:
    """Durations (n,) float64 in the table's own unit; 0 is allowed.

    Raises
    ------
    DataError
        When one is missing, negative, infinite or no number; the first subject is named.
    """
    cells = texts(frame[column])
    values = np.array([_number(cell) for cell in cells], dtype=np.float64)
    bad = ~np.isfinite(values) | (values < 0)
    if bad.any():
        raise DataError(
            f"column '{column}' has durations that are missing, negative or no numbers ({_first(bad, ids, cells)})",
            where=where,
            expected="a number of 0 or more for every subject",
        )
    return values


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def events(
    frame: pd.DataFrame, column: str, ids: NDArray[np.str_], where: str, value: str | None = None
) -> NDArray[np.bool_]:
    """Events (n,) bool, True where the event was seen.

    Parameters
    ----------
    value
        What the cell of a subject with an event says (such as `dead`); None: cells are 0 and 1, or false and true.

    Raises
    ------
    DataError
        When a cell is missing, is neither 0 nor 1 while no `value` is given, or when none equals `value`.
    """
    cells = texts(frame[column])
    if value is None:
        codes = np.array([_number(_BOOLEAN.get(cell.lower(), cell)) for cell in cells], dtype=np.float64)
        bad = ~np.isin(codes, (0.0, 1.0))
        expected, try_ = (
            "0 (censored) or 1 (event) for every subject",
            "--set data.event_value=WORD, if words mark events",
        )
    else:
        word, code = value.strip().casefold(), _number(value)
        codes = np.array([cell.casefold() == word or _number(cell) == code for cell in cells], dtype=np.float64)
        bad = cells == ""
        expected, try_ = f"'{value}' or another word for every subject", None
    if bad.any():
        raise DataError(
            f"column '{column}' has events that cannot be read ({_first(bad, ids, cells)})",
            where=where,
            expected=expected,
            try_=try_,
        )
    if value is not None and not codes.any():
        words = sorted(set(cells.tolist()))
        raise DataError(
            f"no event: column '{column}' never says '{value}'",
            where=where,
            expected="one of " + ", ".join(words[:10]),
            try_=f"--set data.event_value={nearest(value, words) or words[0]}",
        )
    return codes.astype(np.bool_)
