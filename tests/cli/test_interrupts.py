"""Ctrl-C ends a command with exit code 130, even where a library swallows the exception."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from survembed import __version__
from survembed.cli.error_messages import exit_code_of
from survembed.errors import RunError
from tests.conftest import ROOT


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


def in_a_library_whose_error_is_made_ours() -> None:
    """As safetensors, in which any exception becomes "could not determine the shape", and that a damaged file."""
    try:
        signal.raise_signal(signal.SIGINT)
    except BaseException:
        raise RunError("the weights cannot be read") from None


@pytest.mark.parametrize(
    "work",
    [
        in_a_library_whose_error_is_made_ours,
        in_a_destructor,
        in_a_callback_of_c_code,
        in_a_bare_except,
        in_a_library_that_fails_then,
    ],
)
def test_ctrl_c_ends_a_command(work: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT), sys.unraisablehook
    assert exit_code_of(work, "survembed report") == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert (signal.getsignal(signal.SIGINT), sys.unraisablehook) == before


PROGRAM = """
import atexit, signal, sys
sys.argv = ["survembed", "--version"]
{hook}
from survembed.__main__ import main
main()
"""
DURING_AN_IMPORT = """
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
"""
IN_A_TEXT = DURING_AN_IMPORT.replace("signal.raise_signal(signal.SIGINT)", "exec('signal.raise_signal(signal.SIGINT)')")
IN_THE_WORK = """
import survembed.cli.main as program
program.import_module = lambda *_: exec("signal.raise_signal(signal.SIGINT)")
sys.argv[1:] = ["embed"]
"""
AT_THE_END = "atexit.register(signal.raise_signal, signal.SIGINT)"


@pytest.mark.parametrize(
    ("hook", "code", "out", "err"),
    [
        *((hook, 130, "", "interrupted\n") for hook in (DURING_AN_IMPORT, IN_A_TEXT, IN_THE_WORK)),
        (AT_THE_END, 0, f"survembed {__version__}\n", ""),
    ],
)
def test_ctrl_c_outside_the_work(hook: str, code: int, out: str, err: str, tmp_path: Path) -> None:
    """While the program is imported, it ends the program; once the work is done, it changes nothing."""
    (tmp_path / "program.py").write_text(PROGRAM.format(hook=hook))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    line = [sys.executable, "-m", "program"]  # Python kills itself after -m only
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, out, err)


def test_without_ctrl_c_nothing_changes() -> None:
    assert exit_code_of(lambda: None, "survembed report") == 0
    assert exit_code_of(lambda: 3, "survembed report") == 3


def test_ignored_by_the_caller() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert exit_code_of(lambda: signal.raise_signal(signal.SIGINT), "survembed report") == 0
    finally:
        signal.signal(signal.SIGINT, before)
