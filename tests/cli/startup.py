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


def best(work: Callable[[], object]) -> float:
    """Seconds that `work` takes, best of five."""
    seconds = []
    for _ in range(TIMES):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def budget(seconds: float, python: Path | str) -> float:
    """What a budget of so many seconds is worth here and now, at least itself."""
    line = [python, "-P", "-c", "import typer"]
    return seconds * max(1.0, best(lambda: subprocess.run(line, check=True, capture_output=True)) / TYPER)
