"""Output of the command line: results on stdout, as tables or JSON, and messages on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, TextIO

import typer

from survembed.errors import DataError, printable
from survembed.registry.foreign_code import results

if TYPE_CHECKING:
    from rich.console import Console

    from survembed.runs.settings import Settings

WIDTH_WHEN_PIPED = 240
"""Width of tables, in characters, when stdout is not a terminal and COLUMNS is not set."""


def console(stream: TextIO) -> Console:
    """A Rich console on stdout or stderr that prints texts without markup, highlighting and emoji."""
    from rich.console import Console

    return Console(file=stream, width=width_of(stream), markup=False, highlight=False, emoji=False)


def width_of(stream: TextIO) -> int:
    """Width in characters: the variable COLUMNS, or that of the terminal, or `WIDTH_WHEN_PIPED`."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns):
        return int(columns)
    return get_terminal_size().columns if stream.isatty() else WIDTH_WHEN_PIPED


def say(text: str) -> None:
    """Print one line on stderr."""
    sys.stderr.write(f"{printable(text)}\n")


def show_json(value: Any) -> None:
    """Print one JSON document on stdout; NaN and infinity become null."""
    from survembed.storage.result import plain

    _write(json.dumps(plain(value), indent=2, allow_nan=False, default=_as_plain))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """Print a table on stdout, as wide as the terminal; columns of numbers are aligned at the decimal point.

    The title has a line of its own. See `table_lines` for tables wider than the terminal.
    """
    from survembed.cli.table import table_lines

    values = [list(row) for row in rows]
    headers, texts = list(columns), [[" ".join(as_text(value).split("\n")) for value in row] for row in values]
    for index, column in enumerate(columns):
        given = [row[index] for row in values if row[index] is not None]
        if given and all(isinstance(value, int | float) for value in given):
            headers[index], *aligned = _aligned_at_point(column, [row[index] for row in texts])
            for row, text in zip(texts, aligned, strict=True):
                row[index] = text
    lines = table_lines(headers, texts, width_of(results() or sys.stderr))
    _write("\n".join([*([title] if title else []), *lines]))


def _aligned_at_point(column: str, numbers: list[str]) -> list[str]:
    """Header and numbers of a column, padded to one length and aligned at the decimal point."""
    behind = [len(number) - (number + ".").index(".") for number in numbers]
    texts = [column, *(number + " " * (max(behind) - tail) for number, tail in zip(numbers, behind, strict=True))]
    longest = max(map(len, texts))
    return [text.rjust(longest) for text in texts]


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
