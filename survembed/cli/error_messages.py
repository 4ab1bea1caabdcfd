"""Error messages in one format, and exit codes."""

from __future__ import annotations

import re
import shlex
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import typer

from survembed.cli.interrupts import interrupts
from survembed.errors import PluginError, SurvembedError, UsageError, corrected, nearest

if TYPE_CHECKING:
    from survembed.registry import ComponentEntry

TyperUsageError: Any = typer.BadParameter.__base__  # Typer includes Click since 0.26; before, it used the click package
INTERRUPTED = 130
BUG = 1


def exit_code_of(work: Callable[[], object], command: str) -> int:
    """Run `work`, print an error on stderr if it fails, and return the exit code.

    Parameters
    ----------
    work
        May raise any exception; an integer that it returns is the exit code. Where it returns none after Ctrl-C, a
        library has swallowed the exception: the command counts as interrupted.
    command
        The command line, for errors.
    """
    interrupted: Callable[[], bool] = bool  # False
    try:
        with interrupts() as interrupted:
            result = work()
            if result == INTERRUPTED or (result is None and interrupted()):  # the code is Typer's
                raise KeyboardInterrupt
        return result if isinstance(result, int) else 0
    except TyperUsageError as error:
        if not error.format_message():  # a group without command: Typer has printed its help
            return UsageError.exit_code
        return print_error(usage_error_from(error, command))
    except SurvembedError as error:
        return print_error(error)
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except Exception as error:
        if interrupted():  # in the middle of a library that did not expect it
            sys.stderr.write("interrupted\n")
            return INTERRUPTED
        traceback.print_exc()
        if plugin := plugin_behind(error):
            return print_error(
                PluginError(
                    f"{plugin.distribution} failed: {type(error).__name__}: {error}".splitlines()[0],
                    where=command,
                    expected="a component that does what its kind promises",
                    try_=f"survembed plugins check {plugin.name}; the traceback above is for its authors",
                )
            )
        sys.stderr.write("\nerror: this is a bug in survembed; please report it with the lines above\n")
        return BUG


def plugin_behind(error: BaseException) -> ComponentEntry | None:
    """The component of another package whose code raised `error`, directly or in a call; None if ours did."""
    from survembed import registry

    with suppress(SurvembedError):
        found = (entry for kind in registry.KINDS for entry in registry.entries(kind))
        modules = {entry.value.partition(":")[0].partition(".")[0]: entry for entry in found}
        frames = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
        deepest = [entry for name in frames if (entry := modules.get(name.partition(".")[0]))][-1:]
        return deepest[0] if deepest and not deepest[0].builtin else None
    return None


def print_error(error: SurvembedError) -> int:
    """Print the error on stderr; return its exit code."""
    sys.stderr.write(f"error: {error}\n")
    return error.exit_code


def usage_error_from(error: Any, command: str) -> UsageError:
    """An error of Typer as a `UsageError`, with the nearest name for a misspelled command or option."""
    context, text = error.ctx, error.format_message().strip()
    path = context.command_path if context else "survembed"
    help_ = f"{path} --help"

    def wrong(message: str, expected: str | None, typed: str = "", known: Iterable[str] = ()) -> UsageError:
        close = nearest(typed, known)
        return UsageError(
            message, where=command, expected=expected, try_=corrected(command, typed, close) if close else help_
        )

    if unknown := re.match(r"No such command '(.*?)'", text):
        known = context.command.list_commands(context)
        return wrong(f"no command '{unknown[1]}'", f"one of {', '.join(known)}", unknown[1], known)
    if hasattr(error, "possibilities"):
        known = [
            flag
            for parameter in context.command.get_params(context)
            for flag in (*parameter.opts, *parameter.secondary_opts)
        ]
        return wrong(f"no option '{error.option_name}'", f"an option listed by '{help_}'", error.option_name, known)
    if text.startswith("Missing command"):
        return wrong(f"'{path}' needs a command", f"one of {', '.join(context.command.list_commands(context))}")
    parameter = getattr(error, "param", None)
    if parameter is not None and text.startswith("Invalid value"):
        reason = (
            error.message.removeprefix("Value error, ")
            .removeprefix("Input should be ")
            .partition(", unable")[0]
            .rstrip(".")
        )
        expected = reason.partition(" is not ")[2] or reason  # "'btch' is not one of 'batch', 'group'"
        typed = _typed_for(parameter.opts, command)
        return wrong(f"{parameter.opts[0]} {typed} is not valid", expected, typed, re.findall(r"'([^']*)'", expected))
    return wrong(text[:1].lower() + text[1:].rstrip("."), None)


def _typed_for(flags: Sequence[str], command: str) -> str:
    """Value after the last of `flags` on the command line; empty for an argument."""
    arguments = shlex.split(command.replace("=", " "))
    return next((value for flag, value in reversed(list(pairwise(arguments))) if flag in flags), "")
