"""Run a program of another environment as a child process, without a shell."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from survembed.errors import PluginError, RunError, UsageError

LAST_LINES = 8
"""Number of output lines in the error of a failed program."""
POLL_SECONDS = 0.5


def resolve_command(command: str, install: str) -> list[str]:
    """Split a command into arguments and find its program.

    Parameters
    ----------
    command
        A name, a path, or a command such as `conda run -n nnunet nnUNetv2_predict_from_modelfolder`.
    install
        How to install the program, for the error.

    Raises
    ------
    UsageError
        If the command has unbalanced quotes.
    PluginError
        If the program is not installed.
    """
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"the command {command!r} cannot be parsed: {error}", where="segment.command") from error
    program = shutil.which(arguments[0]) if arguments else None
    if program is None:
        raise PluginError(
            f"{arguments[0] if arguments else 'the program'} is not installed",
            where=f"segment.command = {command}",
            expected="a program, by name or path; preferably in its own environment",
            try_=install,
        )
    return [str(Path(program).absolute()), *arguments[1:]]


def parse_variables(text: str) -> dict[str, str]:
    """Parse `NAME=VALUE,…`.

    Raises
    ------
    UsageError
        If a part has no `=`.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    invalid = next((name for name, equals, _ in pairs if not equals), None)
    if invalid is not None:
        raise UsageError(f"'{invalid}' sets no variable", where="segment.environment", expected="NAME=VALUE,NAME=VALUE")
    return {name.strip(): value for name, _, value in pairs}


def run_program(
    arguments: Sequence[str], variables: dict[str, str], on_poll: Callable[[], None] = lambda: None
) -> None:
    """Run a program to its end. If this process is interrupted, the program and its children are killed.

    Parameters
    ----------
    variables
        Additional environment variables.
    on_poll
        Called twice a second, and at the end.

    Raises
    ------
    RunError
        If the program fails; the error quotes its last lines.
    """
    name = Path(arguments[0]).name
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **variables},
            start_new_session=True,
        )
        try:
            while True:
                try:
                    code = process.wait(POLL_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    on_poll()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        on_poll()
        if code:
            log.seek(0)
            lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
            raise RunError(
                "\n    ".join([f"{name} failed with exit code {code}", *lines[-LAST_LINES:]]),
                where=shlex.join(arguments),
                try_="run the command above in a terminal to see its complete output",
            )
