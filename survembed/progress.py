"""How long work reports itself: library code talks to a `Reporter`, and only the command line prints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Task:
    """One stretch of work under way."""

    def advance(self, steps: int = 1, **fields: str) -> None:
        """`steps` more are done; `fields` are short texts to show beside the bar (a rate, a loss)."""


class Reporter:
    """Takes words and progress, and says nothing: the default for callers from Python."""

    def say(self, text: str) -> None:
        """A line that informs."""

    def warn(self, text: str) -> None:
        """A line that the user should act upon."""

    @contextmanager
    def task(self, description: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """A stretch of `total` steps (None: unknown), counted in `unit` (for a rate such as volumes/s)."""
        yield Task()


QUIET = Reporter()
