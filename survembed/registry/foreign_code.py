"""Code of other packages in the process of a command: it cannot end the process, and stdout is kept for results."""

from __future__ import annotations

import locale
import math
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from io import TextIOBase
from types import FrameType
from typing import Any, NoReturn, TextIO

from survembed.errors import PluginError, SurvembedError, UsageError

TIMEOUT_VARIABLE = "SURVEMBED_PLUGIN_TIMEOUT"
"""Environment variable: seconds for the import of a plugin, and for each `build`; 0 for no limit."""

TIMEOUT = 120.0
"""Default of `TIMEOUT_VARIABLE`."""

GRACE = 3
"""Seconds after the time limit in which a plugin may still end, before the process ends."""

ENDING = ("_exit", "execv", "execve")
"""Functions of `os` that end the process without an exception."""


class TooSlow(BaseException):
    """A plugin exceeds its time limit; no `except Exception` of the plugin catches it."""


class _Command:
    """State of the command that runs in this process.

    Attributes
    ----------
    running
        Whether a command runs; the Python API limits nothing.
    divert
        Whether stdout is kept for results once a plugin is loaded; not for help, which Typer prints.
    results
        The stream for results; None for `sys.stdout`.
    packages
        Top-level modules of the plugins that were loaded.
    built
        Those of which `build` was called, in order.
    """

    def __init__(self) -> None:
        self.running, self.divert = False, True
        self.results: TextIO | None = None
        self.packages: set[str] = set()
        self.built: list[str] = []


_command = _Command()


class _ToStderr(TextIOBase):
    """Stands for `sys.stdout` while a plugin may print; a plugin that closes it closes nothing else."""

    def write(self, text: str, /) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(ValueError):
            sys.stderr.flush()

    def writable(self) -> bool:
        return True


@contextmanager
def command_running(*, divert: bool) -> Iterator[None]:
    """Contain the plugins that are loaded in the block, which runs one command.

    Parameters
    ----------
    divert
        Whether stdout is kept for results; False if Typer prints help.
    """
    stdout = sys.stdout
    _command.__init__()  # type: ignore[misc]  # a fresh state
    _command.running, _command.divert = True, divert
    try:
        yield
    finally:
        _command.running, _command.results = False, None
        if sys.stdout is not stdout and stdout is not sys.__stdout__:  # a test in this process
            sys.stdout = stdout


def results() -> TextIO | None:
    """The stream for results of the command; None if stdout is closed."""
    return _command.results or sys.stdout


@contextmanager
def contained(package: str, label: str) -> Iterator[None]:
    """Run code of a plugin: with a time limit, without effects on the process, its output on stderr.

    After the block, working directory, umask, locale, signal handlers, warning filters, logging and the order of
    `sys.path` are as before.

    Parameters
    ----------
    package
        Top-level module of the plugin.
    label
        What runs, for the error: `the import of survembed_flow`.

    Raises
    ------
    PluginError
        If the time limit is exceeded.
    """
    _command.packages.add(package)
    if not _command.running:
        with redirect_stdout(sys.stderr):
            yield
        return
    if _command.divert:
        _keep_stdout()
    _guard_exit()
    process = os.getpid()
    with redirect_stdout(_ToStderr()), _restored(), _limited(label):
        yield
    if os.getpid() != process:  # the plugin has forked: the copy must not go on with the command
        _ends["_exit"](0)


@contextmanager
def contained_build(package: str, component: str) -> Iterator[None]:
    """As `contained`, for `build` of a component."""
    _command.built.append(package)
    with contained(package, f"{component}.build of {package}"):
        yield


def built_packages() -> list[str]:
    """Top-level modules of the plugins whose `build` was called in this command, in order."""
    return _command.built


def raised_by_plugin(error: BaseException) -> bool:
    """Whether a plugin itself has raised `error` in this command.

    The last frame of its traceback is then of the plugin. After Ctrl-C, it is of the signal handler of the command.
    """
    last = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)][-1:]
    return _command.running and any(name.partition(".")[0] in _command.packages for name in last)


def time_limit() -> float:
    """Seconds for the import and for each `build` of a plugin; 0 for no limit.

    Raises
    ------
    UsageError
        If `SURVEMBED_PLUGIN_TIMEOUT` is not a number of seconds.
    """
    text = os.environ.get(TIMEOUT_VARIABLE, "").strip()
    with suppress(ValueError):
        seconds = float(text or TIMEOUT)
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    raise UsageError(
        f"{TIMEOUT_VARIABLE} is not a number of seconds",
        where=f"{TIMEOUT_VARIABLE}={text}",
        expected="a number of seconds, or 0 for no limit",
        try_=f"unset {TIMEOUT_VARIABLE}",
    )


def description(error: BaseException) -> str:
    """Class and first line of the message of an error, at most 300 characters; a plugin's `__str__` may fail."""
    if isinstance(error, SurvembedError):
        return error.message[:300]
    try:
        text = str(error)
    except BaseException:
        text = "its message cannot be printed"
    return f"{type(error).__name__}: {text}".splitlines()[0][:300]


@contextmanager
def _limited(label: str) -> Iterator[None]:
    seconds = time_limit()
    busy = not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread()
    if not seconds or busy or signal.getitimer(signal.ITIMER_REAL)[0]:  # shell completion has its own, shorter one
        yield
        return
    rest = GRACE

    def on_alarm(_signal: int, _frame: FrameType | None) -> None:
        nonlocal rest
        rest -= 1
        if rest < 0:  # it catches BaseException
            os.write(2, f"error: {slow}\n".encode())
            _ends["_exit"](PluginError.exit_code)
        raise TooSlow

    slow = PluginError(
        f"{label} takes more than {seconds:g} s",
        where=label,
        expected="a plugin that is ready in time",
        try_=f"{TIMEOUT_VARIABLE}=SECONDS for a longer time, or SURVEMBED_PLUGINS=none without it",
    )
    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    except TooSlow:
        raise slow from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _restored() -> Iterator[None]:
    import logging

    folder, mask, language, path = os.open(".", os.O_RDONLY), os.umask(0), locale.setlocale(locale.LC_ALL), [*sys.path]
    os.umask(mask)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    root = logging.getLogger()
    level, log_handlers, disabled = root.level, [*root.handlers], root.manager.disable
    try:
        with warnings.catch_warnings():
            yield
    finally:
        os.fchdir(folder)
        os.close(folder)
        os.umask(mask)
        locale.setlocale(locale.LC_ALL, language)
        sys.path[:] = [*path, *(added for added in sys.path if added not in path)]
        root.level, root.handlers, root.manager.disable = level, log_handlers, disabled
        for number, handler in handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def _keep_stdout() -> None:
    """Keep stdout for results; what a plugin or its C code prints goes to stderr, for the rest of the command."""
    stdout = sys.__stdout__
    if _command.results is not None or sys.stdout is None:
        return
    if stdout is not None and sys.stdout is stdout:
        stdout.flush()
        _command.results = os.fdopen(os.dup(1), "w", encoding=stdout.encoding, errors=stdout.errors)
        with suppress(OSError):  # stderr is closed
            os.dup2(2, 1)
    else:
        _command.results = sys.stdout
    sys.stdout = _ToStderr()


_ends: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in ENDING}


def _guard_exit() -> None:
    """Replace the functions that end the process: called by a plugin in this process, they raise SystemExit."""
    process = os.getpid()

    def guarded(name: str) -> Callable[..., Any]:
        def end(*arguments: Any) -> NoReturn:
            if os.getpid() == process and _is_called_by_plugin(sys._getframe(1)):
                raise SystemExit(f"os.{name}{arguments!r}")
            _ends[name](*arguments)
            raise AssertionError  # never reached

        return end

    for name in ENDING:
        if getattr(os, name) is _ends[name]:
            setattr(os, name, guarded(name))


def _is_called_by_plugin(frame: FrameType | None) -> bool:
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in _command.packages:
            return True
        frame = frame.f_back
    return False
