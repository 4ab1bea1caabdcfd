"""Ctrl-C while a command works: it ends the command, even where a library swallows the exception."""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

INTERRUPTED = 130
"""Exit code after Ctrl-C."""

A_MOMENT = 0.25
"""Seconds until a dropped exception is raised again: by then the hook, which would drop it too, has ended."""


def end_interrupted() -> NoReturn:
    """End the process after Ctrl-C with exit code 130.

    After `sys.exit(130)`, Python may still kill itself with SIGINT: it does so if a `KeyboardInterrupt` ever left the
    `exec` or `eval` of a text, as in `dataclasses`, whether or not it was caught later.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or a pipe without reader
            stream.flush()
    os._exit(INTERRUPTED)


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Yield a function: whether Ctrl-C was pressed.

    `KeyboardInterrupt` is raised as usual. Python drops an exception in a destructor or a callback of C code: it is
    raised again a moment later. A bare `except` of a library may also drop it: hence the function. Does nothing outside
    the main thread, or where Ctrl-C is ignored or handled by the caller.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield lambda: False
        return
    received: list[int] = []
    again: list[threading.Timer] = []

    def interrupt(number: int, _frame: Any) -> None:
        received.append(number)
        raise KeyboardInterrupt

    def dropped(exception: Any) -> None:
        if issubclass(exception.exc_type, KeyboardInterrupt):
            again.append(threading.Timer(A_MOMENT, _thread.interrupt_main))
            again[-1].start()
        else:
            report(exception)

    report, sys.unraisablehook = sys.unraisablehook, dropped
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield lambda: bool(received)
    finally:
        with suppress(KeyboardInterrupt):  # of a timer that has just ended: the command ends anyway
            for timer in again:
                timer.cancel()
                timer.join()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = report
