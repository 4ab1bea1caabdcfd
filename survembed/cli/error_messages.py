"""Error messages in one format, and exit codes."""

from __future__ import annotations

import errno
import os
import re
import shlex
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from survembed.cli.console import discard_stdout
from survembed.cli.interrupts import INTERRUPTED, interrupts
from survembed.errors import (
    DataError,
    PluginError,
    RunError,
    SurvembedError,
    UsageError,
    corrected,
    nearest,
    printable,
)
from survembed.registry.foreign_code import built_packages, description, raised_by_plugin

if TYPE_CHECKING:
    from survembed.registry import ComponentEntry

TyperUsageError: Any = typer.BadParameter.__base__  # Typer includes Click since 0.26; before, it used the click package
BUG = 1
MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory|bad alloc", re.IGNORECASE)
"""In the messages of torch for an allocation that failed, on any device."""
SIZE = re.compile(r"[\d.]+ ?([KMGT]iB|bytes)")


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
            return _outcome(INTERRUPTED if result is None and interrupted() else result)  # an integer is Typer's
    except typer.Exit as end:  # of `--help` and `--version`, or of a command
        return _outcome(end.exit_code) if plugin_behind(end) is None else _unexpected(end, command)
    except (KeyboardInterrupt, typer.Abort) as end:
        if raised_by_plugin(end) or (isinstance(end, typer.Abort) and plugin_behind(end)):
            return _unexpected(end, command)
        return _outcome(INTERRUPTED)
    except TyperUsageError as error:
        if not error.format_message():  # a group without command: Typer has printed its help
            return UsageError.exit_code
        return print_error(usage_error_from(error, command))
    except SurvembedError as error:  # after Ctrl-C, its cause is a library in which the exception was lost
        return _outcome(INTERRUPTED) if interrupted() else print_error(error)
    except SystemExit as end:  # of torchrun, or of Rich after a BrokenPipeError
        if isinstance(end.__context__, BrokenPipeError):
            return 0
        return _unexpected(end, command) if plugin_behind(end) else _outcome(end.code or 0)
    except BrokenPipeError as error:  # the reader of a pipe has closed it while Typer printed help
        if plugin_behind(error):
            return _unexpected(error, command)
        discard_stdout()
        return 0
    except BaseException as error:  # a plugin may raise anything
        if interrupted():  # in the middle of a library that did not expect it
            return _outcome(INTERRUPTED)
        return _failed(error, command)


def _failed(error: BaseException, command: str) -> int:
    """Print an error that no command expects: of the system, of a plugin or of ours; return the exit code."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        discard_stdout()
        return print_error(full_disk(error, command))
    if isinstance(error, OSError) and error.filename is not None and plugin_behind(error) is None:
        return print_error(unusable_path(error))
    memory = out_of_memory(error, command)
    return print_error(memory) if memory else _unexpected(error, command)


def _outcome(result: object) -> int:
    """Exit code of a command that returned `result`."""
    if result == INTERRUPTED:
        _write_error("interrupted\n")
    return result if isinstance(result, int) else 0 if result is None else BUG


def _unexpected(error: BaseException, command: str) -> int:
    """Print an error that nobody expected, of a plugin or of ours; return the exit code."""
    _write_error("".join(traceback.format_exception(error)))
    plugin = plugin_behind(error) or last_used()
    if plugin is None:
        _write_error("\nerror: this is a bug in survembed; please report it with the lines above\n")
        return BUG
    return print_error(
        PluginError(
            f"{plugin.distribution} failed: {description(error)}",
            where=command,
            expected="a component that does what its kind promises",
            try_=f"survembed plugins check {plugin.name}; the traceback above is for its authors",
        )
    )


def plugin_behind(error: BaseException) -> ComponentEntry | None:
    """The component of another package in whose code, or in a call of it, `error` was raised; None if in none."""
    frames = [
        str(frame.f_globals.get("__name__")).partition(".")[0] for frame, _ in traceback.walk_tb(error.__traceback__)
    ]
    modules = _plugins_by_module()
    return next((modules[name] for name in reversed(frames) if name in modules), None)


def last_used() -> ComponentEntry | None:
    """The component of another package that was built last in this command: what it built was used since."""
    return next((entry for name in reversed(built_packages()) if (entry := _plugins_by_module().get(name))), None)


def _plugins_by_module() -> dict[str, ComponentEntry]:
    from survembed import registry

    with suppress(SurvembedError):
        found = (entry for kind in registry.KINDS for entry in registry.entries(kind))
        return {entry.root: entry for entry in found if not entry.builtin}
    return {}


def full_disk(error: OSError, command: str) -> DataError:
    """The error of a disk without space, in the house shape."""
    return DataError(
        f"cannot write{f' {Path(error.filename).name}' if isinstance(error.filename, str) else ''}: {error.strerror}",
        where=str(error.filename or command),
        expected="space on the disk",
        try_="the same command, after other files are removed",
    )


def unusable_path(error: OSError) -> DataError:
    """The error of a path that the system refuses: too long, a circle of links, without permission."""
    return DataError(
        f"cannot use {Path(os.fsdecode(error.filename)).name[:100]}: {error.strerror}",
        where=os.fsdecode(error.filename)[:300],
        expected="a path that exists, that the user may use, and that is a file or folder as the option needs",
    )


def out_of_memory(error: BaseException, command: str) -> RunError | None:
    """The error of an allocation that failed, in the house shape; None for another error."""
    text = str(error)
    if not (isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and MEMORY.search(text))):
        return None
    size = SIZE.search(text)
    return RunError(
        f"out of memory: {f'{size[0].strip()} cannot be allocated' if size else 'an allocation failed'}",
        where=command,
        expected="a model, images and a batch that fit into the memory of the device",
        try_="a smaller --batch-size, smaller images or a smaller model" if " train " in f"{command} " else None,
    )


def print_error(error: SurvembedError) -> int:
    """Print the error on stderr; return its exit code."""
    _write_error(f"error: {error}\n")
    return error.exit_code


def _write_error(text: str) -> None:
    with suppress(OSError, ValueError, AttributeError):  # stderr is closed: the exit code still tells
        sys.stderr.write(printable(text))


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
