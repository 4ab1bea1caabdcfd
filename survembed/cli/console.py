"""Output of the command line: results on stdout, as tables or JSON, and messages on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

import typer

from survembed.errors import DataError, printable
from survembed.registry.foreign_code import results

if TYPE_CHECKING:
    from rich.console import Console

    from survembed.runs.settings import Settings

WIDTH_WHEN_PIPED = 240
"""Width of tables, in characters, when stdout is not a terminal."""

LONGEST_WORD = 24
"""Longer words (a path, a list without spaces) may be broken over two lines."""


def console(stream: TextIO) -> Console:
    """A Rich console on stdout or stderr that prints texts without markup, highlighting and emoji."""
    from rich.console import Console

    width = None if stream.isatty() else WIDTH_WHEN_PIPED
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def say(text: str) -> None:
    """Print one line on stderr."""
    sys.stderr.write(f"{printable(text)}\n")


def show_json(value: Any) -> None:
    """Print one JSON document on stdout; NaN and infinity become null."""
    from survembed.storage.result import plain

    _write(json.dumps(plain(value), indent=2, allow_nan=False, default=_as_plain))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """Print a table on stdout; columns of numbers are aligned at the decimal point.

    Texts are wrapped between words; the first column and numbers are never wrapped. On a narrower terminal the lines
    of the table are longer than the screen, and no column is cut off. The title has a line of its own.
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
        texts = [column, *map(as_text, values)]
        if numbers:
            texts = _aligned_at_point(column, [as_text(row[index]) for row in cells])
            for row, text in zip(cells, texts[1:], strict=True):
                row[index] = text
        table.add_column(texts[0])
        full.append(max(map(len, texts)))
        longest = max((len(word) for text in texts for word in text.split()), default=0)
        least.append(full[-1] if numbers or index == 0 else min(longest, LONGEST_WORD))
    screen = console(results() or sys.stderr)
    edges = 3 * len(columns)
    for column_of, width in zip(table.columns, _column_widths(least, full, screen.width - edges), strict=True):
        column_of.width = width
    screen.width = max(screen.width, sum(least) + edges)
    for row in cells:
        table.add_row(*(Text(as_text(value)) for value in row))
    with screen.capture() as drawn:
        screen.print(table)
    _write("\n".join([*([title] if title else []), drawn.get().rstrip("\n")]))


def _aligned_at_point(column: str, numbers: list[str]) -> list[str]:
    """Header and numbers of a column, padded to one length and aligned at the decimal point."""
    behind = [len(number) - (number + ".").index(".") for number in numbers]
    texts = [column, *(number + " " * (max(behind) - tail) for number, tail in zip(numbers, behind, strict=True))]
    longest = max(map(len, texts))
    return [text.rjust(longest) for text in texts]


def _column_widths(least: list[int], full: list[int], available: int) -> list[int]:
    """Widths between `least` and `full` that share the `available` width; the smallest demands are met first."""
    widths, spare = list(least), available - sum(least)
    order = sorted(range(len(least)), key=lambda index: full[index] - least[index])
    for place, index in enumerate(order):
        given = min(full[index] - least[index], max(0, spare) // (len(order) - place))
        widths[index] += given
        spare -= given
    return widths


def show_facts(facts: Mapping[str, Any], title: str = "") -> None:
    """Print names and values on stdout, one pair per line; None is omitted."""
    texts = {printable(name): as_text(value) for name, value in facts.items() if value is not None}
    width = max(map(len, texts), default=0)
    lines = [f"{name:<{width}}  {value}".rstrip() for name, value in texts.items()]
    _write("\n".join([title, *lines] if title else lines))


def show_lines(values: Iterable[Any]) -> None:
    """Print values on stdout, one per line."""
    for value in values:
        _write(as_text(value))


def show_settings(settings: Settings, as_json: bool) -> None:
    """Print each resolved option with its value and source: the result of `--dry-run`."""
    if as_json:
        show_json({key: {"value": at.value, "origin": at.origin} for key, at in settings.resolved.items()})
    else:
        show_table(["option", "value", "source"], [(key, at.value, at.origin) for key, at in settings.resolved.items()])


def _write(text: str) -> None:
    """Write a line on stdout; a reader of a pipe that has closed it, such as `head`, is not an error."""
    stream = results()
    if stream is None or stream.closed:
        return
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except BrokenPipeError:
        discard_stdout()
        raise typer.Exit from None
    except OSError as error:
        discard_stdout()
        raise DataError(
            f"cannot write the result: {error.strerror}", where="stdout", expected="an output with space left"
        ) from error


def flush_stdout() -> None:
    """Write what Typer has printed, so that an error of the disk or pipe has its message."""
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()


def discard_stdout() -> None:
    """Send stdout nowhere: Python flushes it again at exit, and would fail again."""
    for stream in {results(), sys.stdout}:
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # type: ignore[union-attr]  # None is closed


def as_text(value: Any) -> str:
    """Text of a value in a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(as_text, value))
    return printable(str(value))


def _as_plain(component: Any) -> Any:
    """Values of a component (a pydantic model), which `plain` leaves as it is."""
    return component.model_dump(mode="json")
