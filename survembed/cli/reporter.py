"""Progress on stderr: a live Rich bar on a terminal, now and then a line elsewhere."""

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


class Bar(Task):
    """One bar of a live display."""

    def __init__(self, progress: Progress, identity: TaskID) -> None:
        self.progress = progress
        self.identity = identity

    def advance(self, steps: int = 1, **fields: str) -> None:
        """Move the bar; `fields` stand at its right."""
        speed = self.progress.tasks[self.progress.task_ids.index(self.identity)].speed
        shown: dict[str, Any] = {} if speed is None else {"rate": f"{speed:.3g}"}
        if fields:
            shown["words"] = "  ".join(f"{name} {text}" for name, text in fields.items())
        self.progress.update(self.identity, advance=steps, **shown)


class TerminalReporter(Reporter):
    """Live bars; tasks within tasks stand below each other, and words go above them."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]} {task.fields[unit]}/s"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[words]}", markup=False),
            console=console(sys.stderr),
            speed_estimate_period=10,
        )
        self.open = 0

    def say(self, text: str) -> None:
        """A line above the bars."""
        self.progress.console.print(text)

    def warn(self, text: str) -> None:
        """A line above the bars, in yellow."""
        self.progress.console.print(f"warning: {text}", style="yellow")

    @contextmanager
    def task(self, description: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """A bar, as long as the work lasts; it stays when the work is done. Nothing to do, no bar."""
        if total == 0:
            yield Task()
            return
        if not self.open:
            self.progress.start()
        self.open += 1
        identity = self.progress.add_task(description, total=total, unit=unit, rate="–", words="")
        try:
            yield Bar(self.progress, identity)
        finally:
            self.progress.stop_task(identity)
            self.open -= 1
            if not self.open:
                self.progress.stop()
                for done in self.progress.task_ids:  # else the next bar would show them again
                    self.progress.remove_task(done)


class Lines(Task):
    """A task that says how far it is every ten seconds."""

    def __init__(self, description: str, total: int | None, unit: str) -> None:
        self.description = description
        self.total = total
        self.unit = unit
        self.done = 0
        self.told = -1
        self.words = ""
        self.start = self.said = time.monotonic()

    def advance(self, steps: int = 1, **fields: str) -> None:
        """Count; say so where ten seconds have passed since the last line."""
        self.done += steps
        if fields:
            self.words = "  ".join(f"{name} {text}" for name, text in fields.items())
        if time.monotonic() - self.said >= SECONDS_BETWEEN_LINES:
            self.line()

    def line(self) -> None:
        """Say how far it is: how many, at what rate, and how long it will take."""
        self.said, self.told = time.monotonic(), self.done
        rate = self.done / max(self.said - self.start, 1e-9)
        of_total = f"/{self.total}" if self.total is not None else ""
        left = f", {(self.total - self.done) / rate:.0f} s left" if self.total and 0 < self.done < self.total else ""
        text = f"{self.description} {self.done}{of_total} {self.unit}".rstrip()
        say(f"{text}, {rate:.3g}/s{left}  {self.words}".rstrip())


class LineReporter(Reporter):
    """Plain lines, for logs and pipes."""

    def say(self, text: str) -> None:
        """A line."""
        say(text)

    def warn(self, text: str) -> None:
        """A line."""
        say(f"warning: {text}")

    @contextmanager
    def task(self, description: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """A line every ten seconds, and one at the end. Nothing to do, no line."""
        if total == 0:
            yield Task()
            return
        task = Lines(description, total, unit)
        try:
            yield task
        finally:
            if task.told != task.done:
                task.line()


def reporter() -> Reporter:
    """The reporter that suits stderr."""
    return TerminalReporter() if sys.stderr.isatty() else LineReporter()
