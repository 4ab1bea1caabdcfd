"""Workbooks: the visible sheet, typed cells, and what a spreadsheet hides."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from survembed.datasets.tabular.numbers import numbers
from survembed.datasets.tabular.reading import read_table
from survembed.datasets.tabular.texts import texts
from survembed.errors import DataError

ROWS: list[list[Any]] = [["id", "time", "event", "x"], *([f"S{i}", 100 + i, i % 2, 1.5 * i] for i in range(6))]


def book(rows: list[list[Any]] = ROWS, title: str = "data") -> tuple[openpyxl.Workbook, Worksheet]:
    made = openpyxl.Workbook()
    made.remove(made.worksheets[0])
    return made, add(made, rows, title)


def add(made: openpyxl.Workbook, rows: list[list[Any]], title: str) -> Worksheet:
    sheet: Worksheet = made.create_sheet(title)
    for row in rows:
        sheet.append(row)
    return sheet


def save(made: openpyxl.Workbook, tmp_path: Path) -> Path:
    made.save(tmp_path / "t.xlsx")
    return tmp_path / "t.xlsx"


def test_typed_cells_keep_their_value_and_text_remains_text(tmp_path: Path) -> None:
    made, _ = book([["id", "a", "b", "c", "d"], ["007", 1.234, "1.234", True, 0.1], ["8", 87, "0,5", False, None]])
    table = read_table(save(made, tmp_path))
    assert texts(table, "id").tolist() == ["007", "8"]
    found = {name: numbers(table, name) for name in "abcd"}
    assert [None if column is None else column.values.tolist()[0] for column in found.values()] == [
        *(1.234, 1234.0, 1.0, 0.1)
    ]
    assert not table.notes


def test_hidden_sheets_are_passed_over(tmp_path: Path) -> None:
    for state in ("hidden", "veryHidden"):
        made, sheet = book([["id", "time"], ["old", 1]], "old")
        sheet.sheet_state = state
        add(made, ROWS, "data")
        add(made, [], "empty")
        made.active = 1
        table = read_table(save(made, tmp_path))
        assert table.frame["id"].tolist() == [row[0] for row in ROWS[1:]]
        assert table.notes == ("Sheet 'data' is read; hidden: 'old'.",)
        asked = read_table(tmp_path / "t.xlsx", sheet="old")
        assert asked.frame["id"].tolist() == ["old"]
        assert "hidden" in asked.notes[0]


def test_several_visible_sheets_need_a_choice(tmp_path: Path) -> None:
    made, _ = book()
    add(made, [["code", "meaning"], [1, "dead"]], "key to codes")
    path = save(made, tmp_path)
    with pytest.raises(DataError, match="several sheets with data") as caught:
        read_table(path)
    assert caught.value.try_ == "--set 'data.sheet=data' or --set 'data.sheet=key to codes'"
    assert list(read_table(path, sheet="data").frame.columns) == ROWS[0]
    with pytest.raises(DataError, match="no sheet 'dta'"):
        read_table(path, sheet="dta")


def test_merged_cells_are_refused_but_a_merged_title_is_a_title(tmp_path: Path) -> None:
    made, sheet = book([["Patient", None, "Outcome", None], *ROWS])
    sheet.merge_cells("A1:B1")
    with pytest.raises(DataError, match="cells A1:B1 are merged"):
        read_table(save(made, tmp_path))
    made, sheet = book()
    sheet.merge_cells("B3:B4")
    with pytest.raises(DataError, match="cells B3:B4 are merged"):
        read_table(save(made, tmp_path))
    made, sheet = book([["Our study", None, None, None], *ROWS])
    sheet.merge_cells("A1:D1")
    assert "'Our study', is a title" in read_table(save(made, tmp_path)).notes[0]


def test_hidden_rows_and_columns_are_read_and_told(tmp_path: Path) -> None:
    made, sheet = book()
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["D"].hidden = True
    sheet.auto_filter.ref = "A1:D7"
    table = read_table(save(made, tmp_path))
    assert len(table.frame) == 6
    assert table.notes == (
        "1 hidden row(s) by a filter are read as well, first: line 3.",
        "Hidden column(s) are read as well: D.",
    )


def test_formulas_without_a_stored_value_are_refused(tmp_path: Path) -> None:
    made, _ = book([*ROWS, ["S9", "=B2*2", 1, 3]])
    with pytest.raises(DataError, match="first: cell B8") as caught:
        read_table(save(made, tmp_path))
    assert "save it" in str(caught.value.try_)


def test_errors_and_dates(tmp_path: Path) -> None:
    made, sheet = book([["id", "a", "b", "c"], *([f"S{i}", i, datetime.datetime(2020, 1, i + 1), i] for i in range(6))])
    sheet["B3"] = "#REF!"
    sheet["D4"] = "#N/A"
    table = read_table(save(made, tmp_path))
    with pytest.raises(DataError, match="row 2 has '#REF!'"):
        numbers(table, "a")
    assert table.frame["b"].dtype.kind == "M"
    assert numbers(table, "b") is None
    column = numbers(table, "c")
    assert column is not None
    assert column.values.tolist()[3:] == [3, 4, 5]
    assert "'#N/A' (1)" in column.notes[0]


def test_a_date_among_numbers_is_refused(tmp_path: Path) -> None:
    """Excel makes a date of `1.2`."""
    made, _ = book([["id", "a"], *([f"S{i}", 0.5 * i] for i in range(9)), ["S9", datetime.datetime(2020, 2, 1)]])
    with pytest.raises(DataError, match="row 10 has '2020-02-01"):
        numbers(read_table(save(made, tmp_path)), "a")
