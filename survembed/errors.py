"""Exceptions; each class has an exit code of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters, such as the escape of a terminal, and marks that change the direction of writing."""


class SurvembedError(Exception):
    """Base of every error that a user can correct.

    Parameters
    ----------
    message
        What is wrong, in one line.
    where
        The file, option or command with the error.
    expected
        Valid input.
    try_
        A command or other remedy.
    """

    exit_code = 1

    def __init__(
        self, message: str, *, where: str | None = None, expected: str | None = None, try_: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.expected = expected
        self.try_ = try_

    @property
    def remedy(self) -> str | None:
        """The remedy, or else the valid input."""
        return self.try_ or (f"expected: {self.expected}" if self.expected else None)

    @property
    def line(self) -> str:
        """What, where and remedy in one line, for lists of errors."""
        where = f" ({self.where})" if self.where else ""
        return f"{self.message}{where}{'; ' + self.remedy if self.remedy else ''}"

    def __str__(self) -> str:
        rows = [("where", self.where), ("expected", self.expected), ("try", self.try_)]
        return "\n".join([self.message, *(f"  {name + ':':<9} {text}" for name, text in rows if text)])


class UsageError(SurvembedError):
    """The command line, a configuration file or an argument is wrong."""

    exit_code = 2


class PluginError(SurvembedError):
    """A component cannot be found, loaded or trusted."""

    exit_code = 3


class DataError(SurvembedError):
    """The user's data are missing, damaged or inconsistent."""

    exit_code = 4


class RunError(SurvembedError):
    """A run is missing, unfinished, damaged or does not support the request."""

    exit_code = 5


def printable(text: str) -> str:
    """`text` without characters that a terminal obeys or cannot show; line feeds and tabs stay."""
    return CONTROL.sub("", text).encode("utf-8", "replace").decode("utf-8")


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `name` begins, or else the one that it misspells; None if there is none.

    A misspelling has at most one letter wrong, missing, added or swapped with its neighbour in each three letters. Case
    and leading dashes do not count, so that two options are not similar because both are options.
    """
    typed, best, fewest = _bare(name), None, (0, 0)
    for candidate in candidates:
        word = _bare(candidate)
        begins = word.startswith(typed) and (len(typed) > 2 or len(word) == len(typed) + 1 > 2)
        errors = 0 if begins else _misspelt_letters(typed, word)
        rank = (errors, len(word)) if errors <= len(typed) // 3 else None
        if rank and (best is None or rank < fewest):
            best, fewest = candidate, rank
    return best


def _bare(name: str) -> str:
    return name.lstrip("-").casefold()


def _misspelt_letters(typed: str, word: str) -> int:
    """Fewest letters to replace, remove, insert or swap with a neighbour to turn `typed` into `word`."""
    if abs(len(typed) - len(word)) > len(typed) // 3:
        return len(word) + len(typed)
    before, row = [0] * (len(word) + 1), list(range(len(word) + 1))
    for i, letter in enumerate(typed, 1):
        earlier, before, row = before, row, [i]
        for j, other in enumerate(word, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != other))
            if i > 1 < j and (letter, typed[i - 2]) == (word[j - 2], other):
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]


def corrected(text: str | None, wrong: str, right: str) -> str:
    """`text` (a command line, a line of a file) with the word `wrong` replaced; else `right`."""
    changed, count = re.subn(rf"(?<![\w-]){re.escape(wrong)}(?![\w-])", lambda _: right, text or "", count=1)
    return changed if count else right
