"""Ctrl-C, and SIGTERM by which schedulers end a job: noticed between updates, so that a training can be resumed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

Told = Literal["interrupted", "terminated"]


@contextmanager
def told_to_end() -> Iterator[Callable[[], Told | None]]:
    """Yield a function that says whether the user or the system wants an end.

    A second Ctrl-C is a `KeyboardInterrupt` at once. Only the main thread takes signals; elsewhere nothing is told.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    heard: list[Told] = []

    def interrupt(_signal: int, _frame: Any) -> None:
        if heard:
            raise KeyboardInterrupt
        heard.append("interrupted")

    def terminate(_signal: int, _frame: Any) -> None:
        heard.append("terminated")

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, terminate)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a worker of a sweep leaves Ctrl-C to its master
        before[signal.SIGINT] = signal.signal(signal.SIGINT, interrupt)
    try:
        yield lambda: heard[0] if heard else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
