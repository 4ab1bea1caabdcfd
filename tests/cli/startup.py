"""How a start-up time is judged on a machine that may be slow or busy."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

TIMES = 5
"""A time is the best of so many."""

TYPER = 0.075
"""Seconds in which a quiet machine, as the budgets mean it, starts Python and imports Typer.

Typer alone is something that nothing of ours can slow down. A machine that takes longer for it is, at this moment, that
much slower than the one that the budgets are for, and they grow with it; they never shrink.
"""


def is_held(budget: float, work: Callable[[], object], python: Path | str) -> None:
    """Assert that `work` takes less than `budget` seconds, best of five, on this machine at this moment.

    Typer is timed in turn with it, so that a machine that changes its speed meanwhile changes it for both.
    """
    line = [python, "-P", "-c", "import typer"]
    yardstick, seconds = [], []
    for _ in range(TIMES):
        yardstick.append(_seconds(lambda: subprocess.run(line, check=True, capture_output=True)))
        seconds.append(_seconds(work))
    allowed = budget * max(1.0, min(yardstick) / TYPER)
    assert min(seconds) < allowed, f"{min(seconds):.2f} s, where {allowed:.2f} s are allowed on this machine"


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
