"""What the command line prints: results to stdout, as a table or as JSON, and words to stderr."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from survembed.runs.settings import Settings

WIDTH_WHEN_PIPED = 240
"""Columns of a table that goes to a file or another program: nothing is wrapped or cut at a terminal's width."""


LONGEST_WORD = 24
"""A longer one (a path, a list without spaces) may be broken."""


def console(stream: TextIO) -> Console:
    """A Rich console on stdout or stderr that neither interprets nor colours the words given to it."""
    from rich.console import Console

    width = None if stream.isatty() else WIDTH_WHEN_PIPED
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def say(text: str) -> None:
    """A line of words, on stderr."""
    sys.stderr.write(f"{text}\n")


def show_json(value: Any) -> None:
    """One JSON document on stdout; what JSON has no number for becomes null."""
    _write(json.dumps(plain(value), indent=2, allow_nan=False))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """A table on stdout; columns that hold only numbers are set flush right, point below point.

    What names a row, and a number, is of no use in parts; texts are wrapped, but only between words. On a terminal
    too narrow for that, lines are broken rather than columns cut off. The title is a line of its own.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    cells = [list(row) for row in rows]
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    least, full = [], []
    for index, column in enumerate(columns):
        values = [row[index] for row in cells if row[index] is not None]
        numbers = bool(values) and all(isinstance(value, int | float) for value in values)
        texts = [column, *map(words, values)]
        if numbers:
            texts = _at_the_point(column, [words(row[index]) for row in cells])
            for row, text in zip(cells, texts[1:], strict=True):
                row[index] = text
        table.add_column(texts[0])
        full.append(max(map(len, texts)))
        longest = max((len(word) for text in texts for word in text.split()), default=0)
        least.append(full[-1] if numbers or index == 0 else min(longest, LONGEST_WORD))
    screen = console(sys.stdout)
    edges = 3 * len(columns)
    for column_of, width in zip(table.columns, _fitted(least, full, screen.width - edges), strict=True):
        column_of.width = width
    screen.width = max(screen.width, sum(least) + edges)
    for row in cells:
        table.add_row(*(Text(words(value)) for value in row))
    with screen.capture() as drawn:
        screen.print(table)
    _write("\n".join([*([title] if title else []), drawn.get().rstrip("\n")]))


def _at_the_point(column: str, numbers: list[str]) -> list[str]:
    """A column's name and its numbers, of one length: flush right, points below each other."""
    behind = [len(number) - (number + ".").index(".") for number in numbers]
    texts = [column, *(number + " " * (max(behind) - tail) for number, tail in zip(numbers, behind, strict=True))]
    longest = max(map(len, texts))
    return [text.rjust(longest) for text in texts]


def _fitted(least: list[int], full: list[int], room: int) -> list[int]:
    """Widths of columns from `least` to `full` that share the room; who wants little is served first."""
    widths, spare = list(least), room - sum(least)
    order = sorted(range(len(least)), key=lambda index: full[index] - least[index])
    for place, index in enumerate(order):
        given = min(full[index] - least[index], max(0, spare) // (len(order) - place))
        widths[index] += given
        spare -= given
    return widths


def show_facts(facts: Mapping[str, Any], title: str = "") -> None:
    """Names and values, one a line, on stdout; None is left out."""
    known = {name: words(value) for name, value in facts.items() if value is not None}
    width = max(map(len, known), default=0)
    lines = [f"{name:<{width}}  {value}".rstrip() for name, value in known.items()]
    _write("\n".join([title, *lines] if title else lines))


def show_lines(values: Iterable[Any]) -> None:
    """Values one a line, on stdout."""
    for value in values:
        _write(words(value))


def show_settings(settings: Settings, as_json: bool) -> None:
    """Every resolved option with its value and where it came from: the answer to `--dry-run`."""
    if as_json:
        show_json({key: {"value": at.value, "origin": at.origin} for key, at in settings.resolved.items()})
    else:
        show_table(["option", "value", "from"], [(key, at.value, at.origin) for key, at in settings.resolved.items()])


def _write(text: str) -> None:
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough: no failure
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        raise typer.Exit from None


def words(value: Any) -> str:
    """A value as a table shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(words, value))
    return str(value)


def plain(value: Any) -> Any:
    """A value in the types of JSON: also of dataclasses, components, paths, and numbers and arrays of NumPy."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="json"))
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return [plain(item) for item in value]
