"""Read table files: CSV, TSV, XLSX and Parquet."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from survembed.datasets.tabular.delimited import read_delimited
from survembed.datasets.tabular.descriptions import in_comments, in_sidecar
from survembed.datasets.tabular.layout import ONE_ROW_EACH, Row, is_empty, named_rows
from survembed.datasets.tabular.table import Table
from survembed.datasets.tabular.workbook import read_workbook
from survembed.errors import DataError
from survembed.storage.files import refuse_pipe

if TYPE_CHECKING:
    import pandas as pd


def read_table(path: Path, sheet: str | None = None, decimal: str | None = None, missing: Iterable[str] = ()) -> Table:
    """Read a CSV, TSV, XLSX or Parquet file.

    Cells of CSV and TSV remain strings, so that `007` remains an id; those of XLSX and Parquet keep their types.
    Columns without a name (a saved index), titles above the names, footnotes and totals are left out, with a note.

    Parameters
    ----------
    sheet
        Sheet of a workbook; None for the only visible one.
    decimal, missing
        As declared by the user; see `Table`.

    Raises
    ------
    DataError
        When the file is missing, empty, damaged, of another kind, not rectangular, or names a column twice.
    """
    where, kind = str(path), path.suffix.lower()
    refuse_pipe(path)
    try:
        described, notes = in_sidecar(path)
        if kind == ".parquet":
            frame = _read_parquet(path)
        elif kind in (".csv", ".tsv", ".txt"):
            rows, made, comments = read_delimited(path)
            frame, names = _frame(rows, notes := [*notes, *made], where)
            described |= in_comments(comments, names)
        elif kind == ".xlsx":
            rows, made, in_sheets = read_workbook(path, sheet)
            frame, _ = _frame(rows, notes := [*notes, *made], where)
            described |= in_sheets
        else:
            raise DataError(f"{path.name} is not a table", where=where, expected=".csv, .tsv, .xlsx or .parquet")
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"no file {path.name}", where=where, expected="a CSV, TSV, XLSX or Parquet file") from error
    except Exception as error:  # parsers raise many types of exception on a damaged file
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(
            f"cannot read {path.name}: {reason[:200] or type(error).__name__}",
            where=where,
            expected="a complete CSV, TSV, XLSX or Parquet file",
        ) from error
    if not len(frame) or not len(frame.columns):
        raise DataError(f"{path.name} has no rows", where=where, expected=ONE_ROW_EACH)
    return Table(frame, where, tuple(notes), decimal, tuple(missing), described)


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    frame = pd.read_parquet(path, engine="pyarrow").reset_index()
    frame = frame.drop(columns="index") if "index" in frame and frame.columns[0] == "index" else frame
    names = [str(name).replace("\0", "").strip() for name in frame.columns]
    _refuse_repeated(names, str(path))
    return frame.set_axis(names, axis=1).loc[:, [bool(name) for name in names]]


def _frame(rows: list[Row], notes: list[str], where: str) -> tuple[pd.DataFrame, list[str]]:
    """The table below its row of names, and all names; columns without a name are left out, which `notes` tell."""
    import pandas as pd

    names, subjects, further = named_rows(rows, where)
    notes += further
    _refuse_repeated(names, where)
    columns: dict[str, Any] = {}
    for number, name in enumerate(names):
        cells = ["" if row.cells[number] is None else row.cells[number] for row in subjects]
        filled = [cell for cell in cells if not is_empty(cell)]
        if name:
            is_dates = bool(filled) and all(isinstance(cell, datetime) for cell in filled)
            columns[name] = pd.to_datetime(pd.Series(cells)) if is_dates else pd.Series(cells, dtype=object)
        elif filled:
            notes.append(f"Column {number + 1} has no name and is left out.")
    return pd.DataFrame(columns), names


def _refuse_repeated(names: list[str], where: str) -> None:
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise DataError(f"two columns are named '{twice[0]}'", where=where, expected="unique column names")
