"""One bad input: a command line and its exit code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    """A bad input.

    Attributes
    ----------
    line
        Arguments of `survembed`.
    code
        Its exit code.
    environment
        Variables.
    """

    line: tuple[str, ...]
    code: int
    environment: Mapping[str, str] = field(default_factory=dict)


def words(line: str, *more: str) -> tuple[str, ...]:
    return (*line.split(), *more)


def cases(line: str, option: str, values: tuple[str, ...], code: int = 2) -> list[Case]:
    """The line with each value of the option."""
    return [Case(words(line, f"{option}={value}"), code) for value in values]
