"""A program of another environment: found, run without a shell, watched, ended with us, quoted where it fails."""

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
SECONDS = 0.5


def resolved(command: str, install: str) -> list[str]:
    """The words of a command, its program found.

    Parameters
    ----------
    command
        As a user types it: a name, a path, or words such as `conda run -n nnunet nnUNetv2_predict_from_modelfolder`.
    install
        How to install it, for the error.

    Raises
    ------
    PluginError
        When there is no such program.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"the command {command!r} cannot be read: {error}", where="segment.command") from error
    program = shutil.which(words[0]) if words else None
    if program is None:
        raise PluginError(
            f"{words[0] if words else 'the program'} is not installed",
            where=f"segment.command = {command}",
            expected="a program, by name or path; best in an environment of its own",
            try_=install,
        )
    return [str(Path(program).absolute()), *words[1:]]


def variables(text: str) -> dict[str, str]:
    """`NAME=VALUE,…` as a dictionary.

    Raises
    ------
    UsageError
        When a part has no `=`.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    wrong = next((name for name, equals, _ in pairs if not equals), None)
    if wrong is not None:
        raise UsageError(f"'{wrong}' sets no variable", where="segment.environment", expected="NAME=VALUE,NAME=VALUE")
    return {name.strip(): value for name, _, value in pairs}


def run(words: Sequence[str], extra: dict[str, str], watch: Callable[[], None] = lambda: None) -> None:
    """Run a program to its end; `watch` is called twice a second. It and its children end when we are interrupted.

    Raises
    ------
    RunError
        When it fails; its last lines are quoted.
    """
    name = Path(words[0]).name
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **extra},
            start_new_session=True,
        )
        try:
            while True:
                try:
                    code = process.wait(SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    watch()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        watch()
        if code:
            log.seek(0)
            lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
            raise RunError(
                "\n    ".join([f"{name} failed with exit code {code}", *lines[-LAST_LINES:]]),
                where=shlex.join(words),
                try_="run the command above by hand to see all of its output",
            )
