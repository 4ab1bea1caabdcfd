"""Text files: encoding, separator and quotation marks; no row is lost unsaid."""

from __future__ import annotations

from pathlib import Path

import pytest

from survembed.datasets.tabular.reading import read_table
from survembed.datasets.tabular.table import Table
from survembed.errors import DataError

ROWS = [["id", "time", "event", "note"], *([f"S{i}", str(100 + i), str(i % 2), f"höhe {i}"] for i in range(6))]


def text(separator: str = ",", end: str = "\n", **notes: str) -> str:
    """The rows as text; `S2="x"` replaces the note of subject S2."""
    rows = [[*row[:3], notes.get(row[0], row[3])] for row in ROWS]
    return end.join(separator.join(row) for row in rows) + end


def read(tmp_path: Path, content: str | bytes, name: str = "t.csv") -> Table:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path)


def check(table: Table) -> None:
    assert [list(table.frame.columns), *table.frame.to_numpy().tolist()] == ROWS


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        *(("utf-8", ""), ("utf-8-sig", ""), ("cp1252", ""), ("latin-1", ""), ("mac-roman", ""), ("utf-16", "")),
        *(("utf-16-le", ""), ("utf-16-be", ""), ("utf-16-be", "\ufeff"), ("utf-32", "")),
    ],
)
def test_encodings_and_ends_of_lines(tmp_path: Path, encoding: str, mark: str, end: str) -> None:
    table = read(tmp_path, (mark + text(end=end)).encode(encoding))
    check(table)
    assert any("encoding" in note for note in table.notes) == ("utf-8" not in encoding)


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
def test_separators_are_found_and_told(tmp_path: Path, separator: str, name: str) -> None:
    table = read(tmp_path, text(separator))
    check(table)
    assert table.notes == (f"Fields are separated by {name}.",)
    check(read(tmp_path, text(separator), "t.txt"))


@pytest.mark.parametrize("first", ["sep=;\n", '"sep=;"\r\n', "SEP=;\n"])
def test_first_line_of_excel(tmp_path: Path, first: str) -> None:
    table = read(tmp_path, first + text(";", S1="5,3", S2="1,7"))
    assert table.frame["note"].tolist()[1:3] == ["5,3", "1,7"]
    assert "gives the separator" in table.notes[0]


def test_decimal_commas_do_not_make_the_comma_a_separator(tmp_path: Path) -> None:
    table = read(tmp_path, text(";", **{f"S{i}": "1,5" for i in range(6)}))
    assert list(table.frame.columns) == ROWS[0]


def test_lines_with_a_number_sign_above_the_names(tmp_path: Path) -> None:
    table = read(tmp_path, "#Id\tTime\tEvent\tNote\n#STRING\tNUMBER\tNUMBER\tSTRING\n" + text("\t"), "t.tsv")
    check(table)
    assert table.notes == ("2 line(s) above the names begin with # and are left out.",)
    with pytest.raises(DataError, match="begin with #") as caught:
        read(tmp_path, "#" + text())
    assert caught.value.try_ == "remove # from line 1"


def test_cells_in_quotation_marks(tmp_path: Path) -> None:
    quoted = {"S1": '"a, b"', "S2": '"two\nlines"', "S3": '"say ""yes"""', "S4": '5" nail', "S5": '""'}
    notes = read(tmp_path, text(**quoted)).frame["note"].tolist()
    assert notes == ["höhe 0", "a, b", "two\nlines", 'say "yes"', '5" nail', ""]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("notes", "line"),
    [
        ({"S1": '"unclear', "S3": '"see report'}, 3),
        ({"S1": '"unclear'}, 3),
        ({"S1": '"unclear', "S3": '3"'}, 3),
        ({"S0": '"x', "S1": 'y"'}, 2),
        ({"S2": '"a"b'}, 4),
        ({"S4": '"'}, 6),
    ],
)
def test_stray_quotation_marks_are_refused_with_their_line(
    tmp_path: Path, notes: dict[str, str], line: int, separator: str
) -> None:
    with pytest.raises(DataError, match=rf"line {line} of") as caught:
        read(tmp_path, text(separator, **notes))
    assert str(caught.value.where).endswith(f"line {line}")
    assert "quotation marks" in str(caught.value.try_)


def test_stray_marks_in_a_middle_column_are_refused(tmp_path: Path) -> None:
    rows = text().replace("S1,101", 'S1,"101').replace("S2,102", 'S2,102"')
    with pytest.raises(DataError, match="line 3 of"):
        read(tmp_path, rows)


@pytest.mark.parametrize(("row", "n"), [("S9,1,0", 3), ("S9,1,0,x,y", 5), ("S9,1,0,8,8", 5), ("S9", 1)])
def test_rows_with_too_few_or_too_many_fields(tmp_path: Path, row: str, n: int) -> None:
    with pytest.raises(DataError, match=f"line 8 has {n} cells, the row of names has 4"):
        read(tmp_path, text() + row + "\n")
    with pytest.raises(DataError, match=f"line 8 has {n} cells, the row of names has 4"):
        read(tmp_path, text() + row + "\nS10,1,1,x\n")


def test_row_names_of_r_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="every row has one cell more") as caught:
        read(tmp_path, text().replace("id,", "", 1))
    assert "col.names=NA" in str(caught.value.try_)


def test_what_is_no_text_or_has_no_clear_encoding(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not plain text"):
        read(tmp_path, text().replace("höhe 1", "h\0"))
    with pytest.raises(DataError, match=r"encoding of .* is not clear"):
        read(tmp_path, text().replace("höhe 1", "h").encode() + b"S9,1,0,\x81\xff\xfe\n")
