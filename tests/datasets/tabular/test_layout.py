"""Titles, footnotes, totals, units and repeated names are left out with a note, or refused."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from survembed.datasets.tabular.reading import read_table
from survembed.datasets.tabular.table import Table
from survembed.errors import DataError

NAMES = ["id", "time", "event", "age"]
SUBJECTS = [[f"S{i}", str(100 + 37 * i), str(i % 2), str(50 + i)] for i in range(8)]


def read(tmp_path: Path, above: list[list[str]], below: list[list[str]], kind: str = "csv") -> Table:
    """The table with rows above the names and below the subjects."""
    rows = [*above, NAMES, *SUBJECTS, *below]
    path = tmp_path / f"t.{kind}"
    if kind == "csv":
        path.write_text("\n".join(",".join(row) for row in rows) + "\n")
    else:
        book = openpyxl.Workbook()
        assert book.active is not None
        for number, row in enumerate(rows, 1):
            for column, cell in enumerate(row, 1):
                book.active.cell(number, column, float(cell) if cell.isdigit() else cell or None)
        book.save(path)
    return read_table(path)


def check(table: Table) -> None:
    assert list(table.frame.columns) == NAMES
    assert table.frame["id"].tolist() == [row[0] for row in SUBJECTS]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("title", [[["Our study"]], [["Our study", "", "", ""], [""]], [["A"], ["exported today"]]])
def test_titles(tmp_path: Path, title: list[list[str]], kind: str) -> None:
    table = read(tmp_path, title, [], kind)
    check(table)
    assert f"Line 1, '{title[0][0]}', is a title and is left out." in table.notes


def test_a_title_with_the_separator(tmp_path: Path) -> None:
    table = read(tmp_path, [["Our study", " 2020"]], [])
    check(table)
    assert "is a title" in table.notes[0]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("note", [[["Source: clinic A"]], [[""], ["* censored", "", "", ""]], [["# end"]]])
def test_footnotes(tmp_path: Path, note: list[list[str]], kind: str) -> None:
    table = read(tmp_path, [], note, kind)
    check(table)
    assert f"'{note[-1][0]}', is a footnote" in table.notes[0]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(
    "rows",
    [
        [["Total", "1836", "4", ""]],
        [["Gesamt:", "", "4", ""]],
        [["", "", "", ""], ["Mean", "229.5", "0.5", "53.5"], ["SD", "90", "1", "2"]],
        [["Mittelwert", "229", "", ""]],
        [["Summe", "1836", "4", "428"]],
    ],
)
def test_totals_at_the_end(tmp_path: Path, rows: list[list[str]], kind: str) -> None:
    table = read(tmp_path, [], rows, kind)
    check(table)
    assert any("with totals are left out" in note and f"'{rows[-1][0]}'" in note for note in table.notes)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["Max", "400", "1", "60"]], "begins with 'Max': it may be a subject"),
        ([["n", "8", "8", "8"]], "begins with 'n': it may be a subject"),
        ([["", "1836", "4", ""]], "the sum or mean of a column"),
        ([["", "229.5", "", "53.5"]], "the sum or mean of a column"),
        ([["S9"]], "line 10 has 1 cells"),
    ],
)
def test_last_rows_that_are_not_clear_are_refused(tmp_path: Path, rows: list[list[str]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, [], rows)


def test_a_subject_without_values_is_no_footnote(tmp_path: Path) -> None:
    table = read(tmp_path, [], [["S 9", "", "", "1"], ["S10", "", "", ""]])
    assert table.frame["id"].tolist()[-2:] == ["S 9", "S10"]


def test_repeated_names_and_empty_rows(tmp_path: Path) -> None:
    table = read(tmp_path, [], [["", "", "", ""], NAMES, ["S8", "1", "1", "60"]])
    assert table.frame["id"].tolist() == [*(row[0] for row in SUBJECTS), "S8"]
    assert table.notes == ("1 empty row(s) are left out.", "Line(s) 11 repeat the names and are left out.")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("above", "first", "message"),
    [
        ([], ["", "days", "0/1", "years"], "units or a second row of names"),
        ([], ["[text]", "[d]", "[bool]", "[y]"], "units or a second row of names"),
        ([["Patient", "OS", "OS event", "Age"]], None, "units or a second row of names"),
        ([["Patient", "", "Outcome", ""]], None, "2 columns with data have no name"),
    ],
)
def test_two_rows_of_names_and_rows_of_units_are_refused(
    tmp_path: Path,
    above: list[list[str]],
    first: list[str] | None,
    message: str,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if first:
        monkeypatch.setattr(f"{__name__}.SUBJECTS", [first, *SUBJECTS])
    with pytest.raises(DataError, match=message):
        read(tmp_path, above, [], kind)


def test_columns_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(",,id,time,\n" + "".join(f"{i},,S{i},{i},\n" for i in range(4)))
    table = read_table(path)
    assert list(table.frame.columns) == ["id", "time"]
    assert table.notes == ("Column 1 has no name and is left out.",)
