"""Checks of a tracker: it accepts the metrics of a training and does not influence it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from survembed.errors import SurvembedError
from survembed.testing.case import Check, ComponentUnderTest, Skipped, no_trace, require
from survembed.trackers.base import Tracker

NUMBERS = {"seconds": 1.5, "validation/objective": 0.7, "kl_of_dimensions/0": 0.0, "share/cox": float("nan")}
"""As a row of `metrics.jsonl` gives them."""


def built(case: ComponentUnderTest) -> Tracker:
    """The tracker of a run whose folder is still empty."""
    run_path = Path(tempfile.mkdtemp(dir=case.folder))
    try:
        tracker: Any = case.make().build(run_path)
    except SurvembedError as error:
        raise Skipped(error.message) from error  # its package is not installed, and it says so
    for method in ("log", "close"):
        require(callable(getattr(tracker, method, None)), f"{type(tracker).__name__} has no {method}()")
    return tracker  # type: ignore[no-any-return]  # just probed


def takes_numbers(case: ComponentUnderTest) -> None:
    """It accepts metrics, including values that are not finite, and can be closed without any."""
    tracker = built(case)
    for update in (0, 10, 20):
        tracker.log(update, dict(NUMBERS))
    tracker.close()
    built(case).close()


def leaves_no_trace(case: ComponentUnderTest) -> None:
    """Global states and the metrics passed to it do not change, so that it does not influence a training."""
    given = dict(NUMBERS)
    with no_trace("tracking"):
        tracker = built(case)
        tracker.log(10, given)
        tracker.close()
    require(given == NUMBERS, "log() changes the numbers given to it")


CHECKS: tuple[Check, ...] = (takes_numbers, leaves_no_trace)
