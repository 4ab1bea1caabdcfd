"""Rows of a CSV or TSV file: encoding, separator and quotation marks."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from survembed.datasets.tabular.layout import ONE_ROW_EACH, Row, body
from survembed.errors import DataError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LETTERS = frozenset("äöüÄÖÜßéèêëàâáãåæçñíìîïóòôõøœúùûÉÈÀÁÂÅÆÇÑÓÔØÚ°µ±²³§€–—‘’“”…\u00a0≥≤")
"""Characters beyond ASCII that are usual in tables of Western clinics."""
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?,*', re.IGNORECASE)


def read_delimited(path: Path) -> tuple[list[Row], list[str], list[list[str]]]:
    """Rows of a text file, each with its line; sentences on what was decided; fields of the lines with # above it.

    Raises
    ------
    DataError
        If the encoding or the separator is not clear, or a quotation mark or the number of fields of a row is wrong.
    """
    content = path.read_bytes()
    if not content.strip():
        raise DataError(f"{path.name} is empty", where=str(path), expected=ONE_ROW_EACH)
    text, notes = _decoded(content, path)
    lines = re.split(r"\r\n|\n|\r", text)
    start = next((number for number, line in enumerate(lines) if line.strip()), 0)
    declared = _SEPARATOR_LINE.fullmatch(lines[start].strip(" "))
    if declared:
        notes.append(f"Line {start + 1}, '{lines[start].strip()}', gives the separator.")
        start += 1
    first = start
    while start < len(lines) and lines[start].lstrip('"').startswith("#"):
        start += 1
    if start > first:
        _refuse_commented_names(lines, start, path)
        notes.append(f"{start - first} line(s) above the names begin with # and are left out.")
    text = "\n".join(lines[start:])
    if not text.strip():
        raise DataError(f"{path.name} has no rows", where=str(path), expected=ONE_ROW_EACH)
    separator = declared[1] if declared else _separator(text, path)
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    if separator != usual and not declared:
        notes.append(f"Fields are separated by {SEPARATORS[separator]}.")
    comments = [line.split(separator) for line in lines[first:start]]
    return list(_rows(text, separator, start, path)), notes, comments


def _decoded(content: bytes, path: Path) -> tuple[str, list[str]]:
    """The text, and a note unless it is UTF-8."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            text = content[len(mark) :].decode(encoding)
            break
    else:
        text, encoding = _without_mark(content, path)
    if "\0" in text:
        raise DataError(f"{path.name} is not plain text", where=str(path), expected="text without zero bytes")
    if encoding.startswith("utf-8"):
        return text, []
    seen = sorted({sign for sign in text if not sign.isascii()})
    shown = f"; characters beyond ASCII: {' '.join(seen[:12])}" if seen else ""
    return text, [f"The encoding of {path.name} is {encoding.upper()}{shown}."]


def _without_mark(content: bytes, path: Path) -> tuple[str, str]:
    """The text and its encoding, found by its bytes."""
    zeros = [content[parity::2].count(0) / max(1, len(content[parity::2])) for parity in (0, 1)]
    if max(zeros) > 0.5 and min(zeros) < 0.05 and len(content) % 2 == 0:
        encoding = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
        return content.decode(encoding), encoding
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    possible = {}
    for encoding in ("cp1252", "mac-roman"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if {sign for sign in text if not sign.isascii()} <= _LETTERS:
            return text, encoding
        possible[encoding] = text
    if list(possible) != ["cp1252", "mac-roman"]:
        raise DataError(f"the encoding of {path.name} is not clear", where=str(path), expected="UTF-8")
    return possible["cp1252"], "cp1252"


def _refuse_commented_names(lines: list[str], start: int, path: Path) -> None:
    """Refuse a table whose names begin with #, which would lose them."""
    above, below = lines[start - 1], lines[start] if start < len(lines) else ""
    if not below.strip():
        return
    counts = {separator: (above.count(separator), below.count(separator)) for separator in SEPARATORS}
    same_width = any(a == b and a for a, b in counts.values())
    number = re.compile(r"(?<![\w.])[\d.]+(?![\w.])")
    if same_width and number.search(below) and not number.search(above):
        raise DataError(
            f"the names of {path.name} begin with #",
            where=f"{path}, line {start}",
            expected="names without #",
            try_=f"remove # from line {start}",
        )


def _separator(text: str, path: Path) -> str:
    """The separator that divides all rows into the most fields, the same number in each."""
    if path.suffix.lower() == ".tsv" and "\t" in text:
        return "\t"
    widths = {one: width for one in SEPARATORS if one in text and (width := _width(text, one, path)) > 1}
    divided = (line for line in text.split("\n") if any(one in line for one in SEPARATORS))
    first = next(divided, "")
    main = max(SEPARATORS, key=first.count)
    if not widths or max(widths.values()) <= first.count(main):
        return main  # no separator fits: the error is that of this one
    best = [one for one, width in widths.items() if width == max(widths.values())]
    if len(best) > 1:
        raise DataError(
            f"the separator of {path.name} is not clear",
            where=str(path),
            expected=" or ".join(SEPARATORS[one] for one in best),
            try_=f"sep={best[0]} as the first line of the file",
        )
    return best[0]


def _width(text: str, separator: str, path: Path) -> int:
    """Number of fields, if all rows have the same, else 0."""
    try:
        lengths = {len(row.cells) for row in body([*_rows(text, separator, 0, path)])}
    except DataError:
        return 0
    return lengths.pop() if len(lengths) == 1 else 0


def _rows(text: str, separator: str, skipped: int, path: Path) -> Iterator[Row]:
    """Rows with the number of their first line; blank lines are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line, width = 1, 0
    while True:
        where = f"{path}, line {line + skipped}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"a quotation mark in line {line + skipped} of {path.name} is not closed, or is closed inside a cell",
                where=where,
                expected='cells without ", or "cells in quotation marks" with "" for each inside',
                try_=f'remove or double the quotation marks " in line {line + skipped}',
            ) from error
        width = max(width, len(cells))
        for cell in (one for one in cells if "\n" in one):
            pieces = [piece for piece in cell.split("\n") if piece.strip()]
            if len(pieces) > 1 and width > 1 and cell.count(separator) >= (len(pieces) - 1) * (width - 1):
                raise DataError(
                    f"a cell that begins in line {line + skipped} of {path.name} holds {len(pieces)} lines with the "
                    "separators of whole rows",
                    where=where,
                    expected="quotation marks around a cell, not around rows",
                    try_=f'remove or double the quotation marks " in lines {line + skipped} to '
                    f"{reader.line_num + skipped}",
                )
        if (cells and any(cell.strip() for cell in cells)) or len(cells) > 1:
            yield Row(line + skipped, list(cells))
        line = reader.line_num + 1
