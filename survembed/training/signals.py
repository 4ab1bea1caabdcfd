"""Ctrl-C and SIGTERM, handled between updates, so that a training can be resumed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

StopRequest = Literal["interrupted", "terminated"]


@contextmanager
def stop_requests() -> Iterator[Callable[[], StopRequest | None]]:
    """Yield a function that returns the first signal received, Ctrl-C or SIGTERM, or None.

    A second Ctrl-C raises `KeyboardInterrupt` at once. Outside the main thread, signals cannot be handled, and the
    function returns None.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    received: list[StopRequest] = []

    def record_interrupt(_signal: int, _frame: Any) -> None:
        if received:
            raise KeyboardInterrupt
        received.append("interrupted")

    def record_termination(_signal: int, _frame: Any) -> None:
        received.append("terminated")

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, record_termination)}
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # a worker of a sweep ignores Ctrl-C
        before[signal.SIGINT] = signal.signal(signal.SIGINT, record_interrupt)
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
