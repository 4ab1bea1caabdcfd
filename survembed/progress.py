"""Progress of long tasks: library code calls a `Reporter`, which the caller chooses."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
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
SECONDS_BETWEEN_LINES = 10.0


def to_stderr(text: str) -> None:
    """Write a line on stderr."""
    sys.stderr.write(f"{text}\n")


class ProgressLines(Task):
    """A task that writes its progress every ten seconds."""

    def __init__(self, write: Callable[[str], object], description: str, total: int | None, unit: str) -> None:
        self.write = write
        self.description = description
        self.total = total
        self.unit = unit
        self.done = 0
        self.last_printed = -1
        self.fields_text = ""
        self.start = self.printed_at = time.monotonic()

    def advance(self, steps: int = 1, **fields: str) -> None:
        """Count steps; write a line if ten seconds have passed since the last one."""
        self.done += steps
        if fields:
            self.fields_text = "  ".join(f"{name} {text}" for name, text in fields.items())
        if time.monotonic() - self.printed_at >= SECONDS_BETWEEN_LINES:
            self.line()

    def line(self) -> None:
        """Write count, rate and remaining time."""
        self.printed_at, self.last_printed = time.monotonic(), self.done
        rate = self.done / max(self.printed_at - self.start, 1e-9)
        of_total = f"/{self.total}" if self.total is not None else ""
        left = f", {(self.total - self.done) / rate:.0f} s left" if self.total and 0 < self.done < self.total else ""
        text = f"{self.description} {self.done}{of_total} {self.unit}".rstrip()
        self.write(f"{text}, {rate:.3g}/s{left}  {self.fields_text}".rstrip())


class LineReporter(Reporter):
    """Writes plain lines, for logs, pipes and notebooks.

    Parameters
    ----------
    write
        Writes one line. Default: on stderr.
    """

    def __init__(self, write: Callable[[str], object] = to_stderr) -> None:
        self.write = write

    def say(self, text: str) -> None:
        """Write a line."""
        self.write(text)

    def warn(self, text: str) -> None:
        """Write a line."""
        self.write(f"warning: {text}")

    @contextmanager
    def task(self, description: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """Write a line every ten seconds and one at the end; nothing for a total of 0."""
        if total == 0:
            yield Task()
            return
        task = ProgressLines(self.write, description, total, unit)
        try:
            yield task
        finally:
            if task.last_printed != task.done:
                task.line()
