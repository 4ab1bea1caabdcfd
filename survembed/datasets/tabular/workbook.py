"""Rows of a sheet of an XLSX workbook."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from survembed.datasets.tabular.descriptions import Description, in_sheet
from survembed.datasets.tabular.layout import ONE_ROW_EACH, Row, body, is_empty
from survembed.errors import DataError

if TYPE_CHECKING:
    from openpyxl.workbook.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet


def read_workbook(path: Path, name: str | None) -> tuple[list[Row], list[str], dict[str, Description]]:
    """Rows of a sheet with typed cells, sentences on what was decided, and descriptions of columns in other sheets.

    The sheet is `name`, or the only visible one besides those that describe its columns.

    Raises
    ------
    DataError
        If there is no such sheet, if several visible sheets have data, if cells are merged, or if a formula has no
        stored value.
    """
    book = _load(path, values=True)
    sheet, notes = _sheet(book, path, name)
    rows = [Row(number, list(cells)) for number, cells in enumerate(sheet.iter_rows(values_only=True), sheet.min_row)]
    while rows and not rows[-1].filled:
        rows.pop()
    width = max((number for row in rows for number, cell in enumerate(row.cells, 1) if not is_empty(cell)), default=0)
    rows = [Row(row.line, row.cells[:width]) for row in rows]
    _refuse_formulas(path, sheet)
    _refuse_merged(path, sheet, rows)
    described = {key: one for other in book.worksheets for key, one in _described(sheet, other).items()}
    return rows, [*notes, *_hidden_notes(sheet, rows, width)], described


def _described(sheet: Worksheet, other: Worksheet) -> dict[str, Description]:
    """Descriptions of the columns of `sheet` in the sheet `other`."""
    if other is sheet:
        return {}
    rows = body([Row(number, list(cells)) for number, cells in enumerate(sheet.iter_rows(values_only=True))])
    names = {" ".join(str(cell).split()) for cell in rows[0].filled} if rows else set()
    return in_sheet(other.iter_rows(values_only=True), names, other.title)


def _load(path: Path, values: bool) -> Workbook:
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl warns of parts that it does not read, such as styles
        return openpyxl.load_workbook(path, data_only=values)


def _sheet(book: Workbook, path: Path, name: str | None) -> tuple[Worksheet, list[str]]:
    """The sheet to read, and a note on hidden sheets."""
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    if name is not None:
        if name not in sheets:
            raise DataError(
                f"{path.name} has no sheet '{name}'", where=str(path), expected=f"one of {', '.join(sheets)}"
            )
        hidden = f" It is hidden: {sheets[name].sheet_state}." if sheets[name].sheet_state != "visible" else ""
        return sheets[name], [f"Sheet '{name}' is read.{hidden}"] if hidden or len(sheets) > 1 else []
    filled = [sheet for sheet in sheets.values() if _has_data(sheet)]
    visible = [sheet for sheet in filled if sheet.sheet_state == "visible"]
    hidden_names = ", ".join(f"'{sheet.title}'" for sheet in filled if sheet.sheet_state != "visible")
    if len(visible) == 1:
        return visible[0], [f"Sheet '{visible[0].title}' is read; hidden: {hidden_names}."] if hidden_names else []
    if not filled:
        raise DataError(f"{path.name} has no rows", where=str(path), expected=ONE_ROW_EACH)
    tables = [sheet for sheet in visible if all(_described(sheet, other) for other in visible if other is not sheet)]
    if len(tables) == 1:
        others = ", ".join(f"'{sheet.title}'" for sheet in filled if sheet is not tables[0])
        return tables[0], [f"Sheet '{tables[0].title}' is read; {others} describe(s) its columns or is hidden."]
    names = [sheet.title for sheet in visible or filled]
    raise DataError(
        f"{path.name} has several sheets with data" if visible else f"{path.name} has only hidden sheets with data",
        where=str(path),
        expected=f"one of {', '.join(names)}",
        try_=" or ".join(f"--set 'data.sheet={one}'" for one in names[:5]),
    )


def _has_data(sheet: Worksheet) -> bool:
    return any(not is_empty(cell) for row in sheet.iter_rows(values_only=True) for cell in row)


def _refuse_formulas(path: Path, sheet: Worksheet) -> None:
    """Refuse formulas without a stored value, as programs write them that do not compute."""
    with zipfile.ZipFile(path) as archive:
        parts = [one for one in archive.namelist() if one.startswith("xl/worksheets/")]
        if not any(b"<f>" in archive.read(one) or b"<f " in archive.read(one) for one in parts):
            return
    formulas: Any = _load(path, values=False)[sheet.title]
    empty = [
        cell.coordinate
        for row in formulas.iter_rows()
        for cell in row
        if cell.data_type == "f" and sheet[cell.coordinate].value is None
    ]
    if empty:
        raise DataError(
            f"{len(empty)} formula(s) have no stored value, first: cell {empty[0]}",
            where=f"{path}, sheet '{sheet.title}'",
            expected="values, as a spreadsheet program stores them",
            try_=f"open {path.name} in Excel or LibreOffice and save it",
        )


def _refuse_merged(path: Path, sheet: Worksheet, rows: list[Row]) -> None:
    """Refuse merged cells among names and subjects: only the first cell has the value."""
    kept = {row.line for row in body(rows)}
    merged = [area for area in sheet.merged_cells.ranges if kept.intersection(range(area.min_row, area.max_row + 1))]
    if merged:
        raise DataError(
            f"cells {', '.join(str(area) for area in merged[:5])} are merged",
            where=f"{path}, sheet '{sheet.title}'",
            expected="one row of names, then one row per subject, and no merged cells",
            try_="unmerge the cells and fill each",
        )


def _hidden_notes(sheet: Worksheet, rows: list[Row], width: int) -> list[str]:
    """Notes on hidden rows and columns, which are read."""
    from openpyxl.utils import get_column_letter

    hidden_rows = [row.line for row in rows if row.filled and sheet.row_dimensions[row.line].hidden]
    letters = set()
    for dimension in sheet.column_dimensions.values():
        if dimension.hidden and dimension.min is not None and dimension.max is not None:
            letters |= {get_column_letter(one) for one in range(dimension.min, min(dimension.max, width) + 1)}
    notes = []
    if hidden_rows:
        filtered = " by a filter" if sheet.auto_filter.ref else ""
        notes.append(f"{len(hidden_rows)} hidden row(s){filtered} are read as well, first: line {hidden_rows[0]}.")
    if letters:
        notes.append(f"Hidden column(s) are read as well: {', '.join(sorted(letters))}.")
    return notes
