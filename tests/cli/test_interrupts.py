"""Ctrl-C ends a command with exit code 130, even where a library swallows the exception."""

from __future__ import annotations

import signal
import sys
import time
import weakref
from collections.abc import Callable
from contextlib import suppress

import pytest

from survembed.cli.error_messages import exit_code_of


class Thing:
    """Something with a destructor."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def in_a_destructor() -> None:
    Thing()
    for _ in range(1000):
        time.sleep(0.01)
    pytest.fail("the exception was dropped")


def in_a_callback_of_c_code() -> None:
    kept = weakref.ref(type("Other", (), {})(), lambda _: signal.raise_signal(signal.SIGINT))
    for _ in range(1000):
        time.sleep(0.01)
    pytest.fail(f"the exception was dropped: {kept}")


def in_a_bare_except() -> None:
    with suppress(BaseException):
        signal.raise_signal(signal.SIGINT)


def in_a_library_that_fails_then() -> None:
    try:
        signal.raise_signal(signal.SIGINT)
    except BaseException:
        raise RuntimeError("broken") from None


@pytest.mark.parametrize(
    "work", [in_a_destructor, in_a_callback_of_c_code, in_a_bare_except, in_a_library_that_fails_then]
)
def test_ctrl_c_ends_a_command(work: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT), sys.unraisablehook
    assert exit_code_of(work, "survembed report") == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert (signal.getsignal(signal.SIGINT), sys.unraisablehook) == before


def test_without_ctrl_c_nothing_changes() -> None:
    assert exit_code_of(lambda: None, "survembed report") == 0
    assert exit_code_of(lambda: 3, "survembed report") == 3


def test_ignored_by_the_caller() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert exit_code_of(lambda: signal.raise_signal(signal.SIGINT), "survembed report") == 0
    finally:
        signal.signal(signal.SIGINT, before)
