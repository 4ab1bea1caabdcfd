"""Read table files: CSV, TSV, XLSX and Parquet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from survembed.datasets.tabular.table import Table
from survembed.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

ONE_ROW_EACH = "a row of names, then one row per subject"


def read_table(path: Path, sheet: str | None = None, decimal: str | None = None, missing: Iterable[str] = ()) -> Table:
    """Read a CSV, TSV, XLSX (`sheet`, else the first) or Parquet file.

    Cells of CSV, TSV and XLSX remain strings, so that `007` remains an id; Parquet keeps its types. A CSV may be
    separated by commas, semicolons or tabs. Columns without a name (a saved index)
    are dropped.

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
            frame = _with_header(_read_text(path), where)
        elif kind == ".xlsx":
            frame = _with_header(_read_workbook(path, sheet), where)
        else:
            raise DataError(f"{path.name} is not a table", where=where, expected=".csv, .tsv, .xlsx or .parquet")
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"no file {path.name}", where=where, expected="a CSV, TSV, XLSX or Parquet file") from error
    except Exception as error:  # parsers raise many types of exception on a damaged file
        raise DataError(
            f"cannot read {path.name}: {' '.join(str(error).split())[:200] or type(error).__name__}",
            where=where,
            expected="a complete CSV, TSV, XLSX or Parquet file",
        ) from error
    if not len(frame) or not len(frame.columns):
        raise DataError(f"{path.name} has no rows", where=where, expected=ONE_ROW_EACH)
    return Table(frame, where, decimal=decimal, missing=tuple(missing))


def _read_workbook(path: Path, sheet: str | None) -> pd.DataFrame:
    """All cells of a sheet, including its first row."""
    import pandas as pd

    with pd.ExcelFile(path, engine="openpyxl") as book:
        if sheet is not None and sheet not in book.sheet_names:
            names = ", ".join(str(name) for name in book.sheet_names)
            raise DataError(f"{path.name} has no sheet '{sheet}'", where=str(path), expected=f"one of {names}")
        return book.parse(sheet or 0, header=None, dtype=str, na_filter=False)


def _read_text(path: Path) -> pd.DataFrame:
    """All cells of a delimited text file, including its first line."""
    import pandas as pd

    text = path.read_bytes()
    if not text.strip():
        raise DataError(f"{path.name} is empty", where=str(path), expected=ONE_ROW_EACH)
    if b"\0" in text:
        raise DataError(f"{path.name} is not plain text", where=str(path), expected="UTF-8 text without zero bytes")
    encoding = "utf-8-sig"
    try:
        decoded = text.decode(encoding)
    except UnicodeDecodeError:
        encoding = "cp1252"  # Excel on Windows
        decoded = text.decode(encoding)
    first = decoded.lstrip().splitlines()[0]
    separator = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=first.count)
    return pd.read_csv(path, sep=separator, header=None, dtype=str, na_filter=False, encoding=encoding)


def _with_header(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    """Rows with the names in the first row as columns; empty rows are dropped."""
    if not len(rows):
        raise DataError("the table is empty", where=where, expected=ONE_ROW_EACH)
    rows = rows.fillna("")
    frame = _with_names(rows.iloc[1:], list(rows.iloc[0]), where)
    return frame[(frame != "").any(axis=1)].reset_index(drop=True)


def _with_names(frame: pd.DataFrame, names: list[Any], where: str) -> pd.DataFrame:
    """`frame` with columns `names`; columns without a name are dropped."""
    plain = [str(name).replace("\0", "").strip() for name in names]
    twice = [name for name in plain if name and plain.count(name) > 1]
    if twice:
        raise DataError(f"two columns are named '{twice[0]}'", where=where, expected="unique column names")
    return frame.set_axis(plain, axis=1).loc[:, [bool(name) for name in plain]]
