"""Which rows of a sheet are names, subjects, titles, totals or footnotes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from survembed.datasets.tabular.missing import is_missing, word
from survembed.datasets.tabular.numerals import numeral
from survembed.errors import DataError

ONE_ROW_EACH = "a row of names, then one row per subject"

_TOTALS = """
total|totals|grand total|subtotal|sum|sums|summe|summen|gesamt|insgesamt|gesamtsumme|zwischensumme|somme|totale|suma
mean|means|average|averages|mittelwert|mittel|durchschnitt|moyenne|media|promedio|median|mediana|médiane|overall
mean (sd)|mean ± sd|median (iqr)
"""
_PERHAPS_TOTALS = "n|count|anzahl|sd|std|stdev|se|min|max|minimum|maximum|range|q1|q3|iqr"
TOTALS = frozenset(_TOTALS.strip().replace("\n", "|").split("|"))
PERHAPS_TOTALS = frozenset(_PERHAPS_TOTALS.split("|"))
"""Labels of rows with totals and other statistics; the second might also be ids."""


class Row(NamedTuple):
    """Cells of a row; None and "" are empty."""

    line: int
    cells: list[Any]

    @property
    def filled(self) -> list[Any]:
        """The cells that are not empty."""
        return [cell for cell in self.cells if not is_empty(cell)]


def is_empty(cell: Any) -> bool:
    """Whether the cell has no content."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def body(rows: Sequence[Row]) -> list[Row]:
    """Rows without titles above the names, empty rows, and footnotes below the subjects."""
    kept = [row for row in rows if row.filled]
    wide = [number for number, row in enumerate(kept) if len(row.filled) > 1]
    if not wide:
        return kept
    kept = kept[wide[0] :]
    while len(kept) > 2 and len(kept[0].cells) < len(kept[1].cells) and _are_names(kept[1]):
        kept = kept[1:]  # a title that contains the separator
    while len(kept) > 1 and _is_footnote(kept[-1]):
        kept.pop()
    return kept


def _are_names(row: Row) -> bool:
    """Whether each cell is a different word, and none a number."""
    cells = [cell for cell in row.filled if isinstance(cell, str) and numeral(cell) is None]
    return len(set(cells)) == len(row.cells)


def named_rows(rows: list[Row], where: str) -> tuple[list[str], list[Row], list[str]]:
    """Names of the columns, rows of the subjects, and sentences on rows that are left out.

    Raises
    ------
    DataError
        If a row has more or fewer cells than the names, or if rows of units, totals or a second row of names cannot be
        told from subjects.
    """
    kept = body(rows)
    if not kept:
        raise DataError("the table is empty", where=where, expected=ONE_ROW_EACH)
    notes = _body_notes(rows, kept)
    header, *subjects = kept
    names = [" ".join(str("" if cell is None else cell).replace("\0", "").split()) for cell in header.cells]
    if subjects and all(len(row.cells) == len(names) + 1 and not is_empty(row.cells[-1]) for row in subjects):
        raise DataError(
            "every row has one cell more than the row of names",
            where=where,
            expected="a name for each column; numbers with decimal commas in quotation marks",
            try_="write the table with a name for its first column; in R: write.csv, or write.table with col.names=NA",
        )
    subjects = [_fitted(row, len(names), where) for row in subjects]
    repeated = [row.line for row in subjects if _repeats(row, names)]
    if repeated:
        notes.append(f"Line(s) {', '.join(map(str, repeated))} repeat the names and are left out.")
        subjects = [row for row in subjects if not _repeats(row, names)]
    subjects, total_notes = _without_totals(subjects, where)
    _refuse_second_header(names, subjects, where)
    return names, subjects, notes + total_notes


def _body_notes(rows: Sequence[Row], kept: Sequence[Row]) -> list[str]:
    above = [row for row in rows if row.filled and row.line < kept[0].line]
    below = [row for row in rows if row.filled and row.line > kept[-1].line]
    empty = [row for row in rows if not row.filled and kept[0].line < row.line < kept[-1].line]
    notes = [f"Line {row.line}, '{str(row.filled[0])[:60]}', is a title and is left out." for row in above]
    notes += [f"Line {row.line}, '{str(row.filled[0])[:60]}', is a footnote and is left out." for row in below]
    if empty:
        notes.append(f"{len(empty)} empty row(s) are left out.")
    return notes


def _is_footnote(row: Row) -> bool:
    """Whether a last row has text in one cell only: words, or a sign of a footnote. A lone id is none."""
    if len(row.filled) != 1 or not isinstance(row.filled[0], str):
        return False
    text = row.filled[0].strip()
    return (" " in text and any(sign.isalpha() for sign in text)) or text[0] in "#*†‡("


def _fitted(row: Row, width: int, where: str) -> Row:
    """The row with as many cells as names; further cells must be empty."""
    extra = [cell for cell in row.cells[width:] if not is_empty(cell)]
    if len(row.cells) >= width and not extra:
        return Row(row.line, row.cells[:width])
    raise DataError(
        f"line {row.line} has {len(row.cells)} cells, the row of names has {width}",
        where=where,
        expected="as many cells in each row as there are names; cells that contain the separator in quotation marks",
        try_=f"correct line {row.line}" + (", or write decimal points for decimal commas" if extra else ""),
    )


def _repeats(row: Row, names: list[str]) -> bool:
    return [" ".join(str("" if cell is None else cell).split()) for cell in row.cells] == names


def _without_totals(subjects: list[Row], where: str) -> tuple[list[Row], list[str]]:
    """The rows without those at the end whose first cell is a word such as `total`, and a note on them."""
    kept = list(subjects)
    labels = []
    while kept and (label := _label(kept[-1])) in TOTALS | PERHAPS_TOTALS:
        labels.append(label)
        kept.pop()
    if labels and not TOTALS.intersection(labels):
        raise DataError(
            f"the last row begins with '{subjects[-1].filled[0]}': it may be a subject or a statistic",
            where=f"{where}, line {subjects[-1].line}",
            expected="rows of subjects only",
            try_=f"remove line {subjects[-1].line}",
        )
    if kept and is_empty(kept[-1].cells[0]) and _are_sums(kept):
        raise DataError(
            "the last row has no first cell, and the sum or mean of a column",
            where=f"{where}, line {kept[-1].line}",
            expected="rows of subjects only",
            try_=f"remove line {kept[-1].line}",
        )
    shown = ", ".join(f"{row.line} ('{row.filled[0]}')" for row in subjects[len(kept) :])
    return kept, [f"Line(s) at the end with totals are left out: {shown}."] if labels else []


def _label(row: Row) -> str:
    first = row.filled[0] if row.filled else ""
    return word(first).rstrip(":= ") if isinstance(first, str) else ""


def _number(cell: Any) -> float | None:
    """The cell as a number if it has one reading."""
    if isinstance(cell, str):
        one = numeral(cell)
        values = set(one.readings.values()) if one else set()
        return values.pop() if len(values) == 1 else None
    return float(cell) if isinstance(cell, int | float) else None


def _are_sums(rows: list[Row]) -> bool:
    """Whether a cell of the last row is the sum or the mean of the cells above, of which three or more are numbers."""
    for column, last in enumerate(rows[-1].cells):
        value = _number(last)
        above = [one for row in rows[:-1] if (one := _number(row.cells[column])) is not None]
        if value is None or len(above) < 3 or len(set(above)) < 2:
            continue
        if any(abs(value - one) <= 1e-3 * abs(one) for one in (sum(above), sum(above) / len(above))):
            return True
    return False


def _refuse_second_header(names: list[str], subjects: list[Row], where: str) -> None:
    """Refuse columns of data without a name, and a first row of words above columns of numbers."""
    nameless = [
        number
        for number, name in enumerate(names)
        if not name and any(not is_empty(row.cells[number]) for row in subjects)
    ]
    if len(nameless) > 1:
        raise DataError(
            f"{len(nameless)} columns with data have no name, such as column {nameless[0] + 1}",
            where=where,
            expected="one row of names, one name for each column: no merged names and no second row of names",
            try_="write the names into one row, directly above the subjects",
        )
    if len(subjects) < 3:
        return
    first, rest = subjects[0], subjects[1:]
    odd = []
    for number in range(len(names)):
        cells = [row.cells[number] for row in rest if not is_empty(row.cells[number])]
        if cells and all(_is_number(cell) for cell in cells) and not is_empty(first.cells[number]):
            odd.append(not _is_number(first.cells[number]))
    if len(odd) > 1 and all(odd):
        raise DataError(
            f"line {first.line} holds units or a second row of names above numbers, such as '{first.filled[-1]}'",
            where=where,
            expected=ONE_ROW_EACH,
            try_=f"remove line {first.line}; --set data.duration_unit=… gives the unit of the durations",
        )


def _is_number(cell: Any) -> bool:
    return numeral(cell) is not None or is_missing(cell) if isinstance(cell, str) else isinstance(cell, int | float)
