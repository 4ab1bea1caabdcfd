"""One exception class for each way of failing; the command line turns them into its exit codes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches


class SurvembedError(Exception):
    """Base of every error that a user can mend.

    Parameters
    ----------
    message
        What is wrong, in one line.
    where
        The file, option or command at fault.
    expected
        What would have been right.
    try_
        A command or a remedy to try next.
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
        """What to do, or else what would have been right."""
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
    """A run is missing, unfinished, damaged or cannot do what is asked."""

    exit_code = 5


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that begins with `name` (of three letters or more) or is most like it; None where none is."""
    names = list(known)
    begun = [one for one in names if one.startswith(name)] if len(name) > 2 else []
    matches = begun or get_close_matches(name, names, n=1, cutoff=0.5)
    return matches[0] if matches else None


def corrected(text: str | None, wrong: str, right: str) -> str:
    """`text` (a command line, a line of a file) with the word `wrong` replaced; `right` alone where it is not there."""
    changed, count = re.subn(rf"(?<![\w-]){re.escape(wrong)}(?![\w-])", lambda _: right, text or "", count=1)
    return changed if count else right
