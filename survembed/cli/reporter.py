"""Progress on stderr: a live Rich bar on a terminal, otherwise a line every ten seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from survembed.cli.console import console, say
from survembed.progress import Reporter, Task

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SECONDS_BETWEEN_LINES = 10.0


class ProgressBar(Task):
    """One bar of a live display."""

    def __init__(self, progress: Progress, identity: TaskID) -> None:
        self.progress = progress
        self.identity = identity

    def advance(self, steps: int = 1, **fields: str) -> None:
        """Move the bar; `fields` are shown to the right of it."""
        speed = self.progress.tasks[self.progress.task_ids.index(self.identity)].speed
        shown: dict[str, Any] = {} if speed is None else {"rate": f"{speed:.3g}"}
        if fields:
            shown["details"] = "  ".join(f"{name} {text}" for name, text in fields.items())
        self.progress.update(self.identity, advance=steps, **shown)


class TerminalReporter(Reporter):
    """Live bars; nested tasks are shown below each other, and messages above them."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]} {task.fields[unit]}/s"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[details]}", markup=False),
            console=console(sys.stderr),
            speed_estimate_period=10,
        )
        self.open = 0

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self.progress.console.print(text)

    def warn(self, text: str) -> None:
        """Print a line above the bars, in yellow."""
        self.progress.console.print(f"warning: {text}", style="yellow")

    @contextmanager
    def task(self, description: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """Show a bar until the work is done; no bar for a total of 0."""
        if total == 0:
            yield Task()
            return
        if not self.open:
            self.progress.start()
        self.open += 1
        identity = self.progress.add_task(description, total=total, unit=unit, rate="–", details="")
        try:
            yield ProgressBar(self.progress, identity)
        finally:
            self.progress.stop_task(identity)
            self.open -= 1
            if not self.open:
                self.progress.stop()
                for done in self.progress.task_ids:  # otherwise the next bar would show them again
                    self.progress.remove_task(done)


class ProgressLines(Task):
    """A task that prints its progress every ten seconds."""

    def __init__(self, description: str, total: int | None, unit: str) -> None:
        self.description = description
        self.total = total
        self.unit = unit
        self.done = 0
        self.last_printed = -1
        self.fields_text = ""
        self.start = self.printed_at = time.monotonic()

    def advance(self, steps: int = 1, **fields: str) -> None:
        """Count steps; print a line if ten seconds have passed since the last one."""
        self.done += steps
        if fields:
            self.fields_text = "  ".join(f"{name} {text}" for name, text in fields.items())
        if time.monotonic() - self.printed_at >= SECONDS_BETWEEN_LINES:
            self.line()

    def line(self) -> None:
        """Print count, rate and remaining time."""
        self.printed_at, self.last_printed = time.monotonic(), self.done
        rate = self.done / max(self.printed_at - self.start, 1e-9)
        of_total = f"/{self.total}" if self.total is not None else ""
        left = f", {(self.total - self.done) / rate:.0f} s left" if self.total and 0 < self.done < self.total else ""
        text = f"{self.description} {self.done}{of_total} {self.unit}".rstrip()
        say(f"{text}, {rate:.3g}/s{left}  {self.fields_text}".rstrip())


class LineReporter(Reporter):
    """Prints plain lines, for logs and pipes."""

    def say(self, text: str) -> None:
        """Print a line."""
        say(text)

    def warn(self, text: str) -> None:
        """Print a line."""
        say(f"warning: {text}")

    @contextmanager
    def task(self, description: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """Print a line every ten seconds and one at the end; nothing for a total of 0."""
        if total == 0:
            yield Task()
            return
        task = ProgressLines(description, total, unit)
        try:
            yield task
        finally:
            if task.last_printed != task.done:
                task.line()


def reporter() -> Reporter:
    """Live bars if stderr is a terminal, otherwise lines."""
    return TerminalReporter() if sys.stderr.isatty() else LineReporter()
