"""Progress on stderr: a live Rich bar on a terminal, otherwise a line every ten seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from survembed.cli.console import console, say
from survembed.progress import LineReporter, Reporter, Task

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


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


def reporter() -> Reporter:
    """Live bars if stderr is a terminal, otherwise lines."""
    return TerminalReporter() if sys.stderr.isatty() else LineReporter(say)
