"""Progress of a sweep: a live table on a terminal, and the final state on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from survembed.cli.console import console, show_json, show_table
from survembed.progress import Reporter

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from survembed.runs.jobs.job import State
    from survembed.runs.jobs.sweep import Sweep


class MessagesAboveTable(Reporter):
    """Prints messages above a live table, which shows the progress itself."""

    def __init__(self, live: Console) -> None:
        self.live = live

    def say(self, text: str) -> None:
        """Print a line."""
        self.live.print(text)

    def warn(self, text: str) -> None:
        """Print a line in yellow."""
        self.live.print(f"warning: {text}", style="yellow")


@contextmanager
def watch(sweep: Sweep) -> Iterator[Reporter]:
    """Show a live table of the sweep on stderr, including runs that other computers train in its folder."""
    from rich.live import Live

    stream = console(sys.stderr)
    with Live(get_renderable=lambda: progress_table(sweep), console=stream, refresh_per_second=1, transient=True):
        yield MessagesAboveTable(stream)


def progress_table(sweep: Sweep) -> Table:
    """Table of runs by state, one row per model and value of τ."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=f"{sweep.title}: {sweep.folder.path}", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    columns, rows = progress(sweep)
    for column in columns:
        table.add_column(column, justify="left" if column in ("model", "tau") else "right")
    for row in rows:
        table.add_row(*map(str, row))
    return table


def progress(sweep: Sweep) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of the progress table."""
    states: list[State] = ["finished", "running", "failed", "waiting"]
    now = sweep.states()
    counts: dict[tuple[str, str], dict[State, int]] = {}
    for job in sweep.jobs:
        row = counts.setdefault((job.model, "" if job.tau is None else f"{job.tau:g}"), dict.fromkeys(states, 0))
        row[now[job.key]] += 1
    return ["model", "tau", *states], [[*name, *row.values()] for name, row in counts.items()]


def show_progress(sweep: Sweep, as_json: bool) -> None:
    """Print the final state of a sweep on stdout, with the reason of each failed run."""
    now, failures = sweep.states(), sweep.failures()
    if as_json:
        jobs = [
            {
                "key": job.key,
                "state": now[job.key],
                "reason": failures.get(job.key),
                "run": sweep.folder.run(job.key),
            }
            for job in sweep.jobs
        ]
        show_json({"title": sweep.title, "path": sweep.folder.path, "cells": jobs})
        return
    columns, rows = progress(sweep)
    show_table(columns, rows, title=f"{sweep.title}: {sweep.folder.path}")
    if failures:
        show_table(["failed", "reason"], list(failures.items()))
