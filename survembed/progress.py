"""Progress of long tasks: library code calls a `Reporter`; only the command line prints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Task:
    """A running task."""

    def advance(self, steps: int = 1, **fields: str) -> None:
        """Report `steps` more completed; `fields` are short texts shown next to the bar (a rate, a loss)."""


class Reporter:
    """Receives messages and progress and ignores them: the default in Python."""

    def say(self, text: str) -> None:
        """Report a line of information."""

    def warn(self, text: str) -> None:
        """Report a warning."""

    @contextmanager
    def task(self, description: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """A task of `total` steps (None if unknown), counted in `unit` (for a rate such as volumes/s)."""
        yield Task()


QUIET = Reporter()
