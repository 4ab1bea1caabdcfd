"""Layout of a table as lines of text that fit a width."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap

LONGEST_LABEL = 32
"""A column with longer texts is one of sentences, whose cells may have two lines."""

GAP = "   "
INDENT = " " * 5


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Header, rule and rows of a table, with an empty line above.

    Parameters
    ----------
    columns
        Texts of the header. Those with spaces may be broken over two lines.
    rows
        Texts of the cells, one for each column.
    width
        In characters. Where the table is wider, a column of sentences is first wrapped to two lines a cell, then put
        below the row; other columns follow in a table of their own, which begins with the first column again. Words,
        numbers and the first column are never broken, even if they alone are wider.
    """
    cells = [[column, *(row[index] for row in rows)] for index, column in enumerate(columns)]
    least = [_least_width(of_column) for of_column in cells]
    inline, below = list(range(len(columns))), []
    sentences = [index for index in inline[1:] if max(map(len, cells[index][1:]), default=0) > LONGEST_LABEL]
    for index in sorted(sentences, key=lambda each: -least[each]):
        if _total(least[each] for each in inline) > width:
            inline.remove(index)
            below.append(index)
    lines: list[str] = []
    blocks = _blocks(inline, least, width)
    for block in blocks:
        full = [max(map(len, cells[index])) for index in block]
        widths = _shared([least[index] for index in block], full, width - _total([0] * len(block)))
        paragraphs = sorted(below) if block is blocks[-1] else []
        lines += ["", *_header([columns[index] for index in block], widths, [columns[index] for index in paragraphs])]
        for row in rows:
            lines += _row([row[index] for index in block], widths)
            for index in paragraphs:
                lines += [INDENT + line for line in _wrapped(row[index], width - len(INDENT))] if row[index] else []
    return [line.rstrip() for line in lines]


def _blocks(inline: Sequence[int], least: Sequence[int], width: int) -> list[list[int]]:
    """Columns of each table that fits; all begin with the first column."""
    blocks = [[inline[0]]] if inline else []
    for index in inline[1:]:
        if len(blocks[-1]) > 1 and _total(least[each] for each in [*blocks[-1], index]) > width:
            blocks.append([inline[0]])
        blocks[-1].append(index)
    return blocks


def _total(widths: Iterable[int]) -> int:
    """Width of a line with cells of these widths."""
    all_ = list(widths)
    return 1 + sum(all_) + len(GAP) * (len(all_) - 1)


def _least_width(texts: Sequence[str]) -> int:
    """Width at which the header and the sentences among the cells have two lines; other cells have one."""
    header, cells = texts[0], texts[1:]
    most = max(map(len, cells), default=0)
    in_two = [header, *cells] if most > LONGEST_LABEL else [header]
    return max(0 if most > LONGEST_LABEL else most, *map(_half, in_two))


def _half(text: str) -> int:
    """Least width at which `text` fills at most two lines."""
    width = max(map(len, _words(text)), default=0)
    width = max(width, len(text) // 2)
    while len(_wrapped(text, width)) > 2:
        width += 1
    return width


def _words(text: str) -> list[str]:
    return [word.replace("\0", " ") for word in _kept(text).split()]


def _wrapped(text: str, width: int) -> list[str]:
    lines = wrap(_kept(text), max(width, 1), break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines] or [""]


def _kept(text: str) -> str:
    """`text` with the spaces of an interval, such as (0.5 to 0.7), as a character at which no line is broken."""
    import re

    return re.sub(r"\([^\s()]+ to [^\s()]+\)", lambda match: match[0].replace(" ", "\0"), text)


def _shared(least: Sequence[int], full: Sequence[int], available: int) -> list[int]:
    """Widths between `least` and `full` that share the `available` width; the smallest demands are met first."""
    widths, spare = list(least), available - sum(least)
    order = sorted(range(len(least)), key=lambda index: full[index] - least[index])
    for place, index in enumerate(order):
        given = min(full[index] - least[index], max(0, spare) // (len(order) - place))
        widths[index] += given
        spare -= given
    return widths


def _header(names: Sequence[str], widths: Sequence[int], paragraphs: Sequence[str]) -> list[str]:
    rule = "─" * (sum(widths) + len(GAP) * (len(widths) - 1))
    return [*_row(names, widths), *(INDENT + name for name in paragraphs), f" {rule}"]


def _row(texts: Sequence[str], widths: Sequence[int]) -> list[str]:
    wrapped = [
        [text] if len(text) <= width else _wrapped(text, width) for text, width in zip(texts, widths, strict=True)
    ]
    height = max(map(len, wrapped))
    return [
        " "
        + GAP.join(
            (lines[at] if at < len(lines) else "").ljust(width) for lines, width in zip(wrapped, widths, strict=True)
        )
        for at in range(height)
    ]
