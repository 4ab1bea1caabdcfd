"""Command groups that create a command only when it runs; depends on how Typer looks up commands."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from typer.core import TyperCommand, TyperGroup

from survembed.cli.app import GivenOnce
from survembed.errors import PluginError

PLACEHOLDERS = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}
"""Modules of Rich and their class that Typer imports for help in Markdown and for tracebacks; we use neither."""


def import_help() -> None:
    """Import `typer.rich_utils` with placeholders for `PLACEHOLDERS`, which saves a quarter of the time of help."""
    placeholders = {}
    for name, attribute in PLACEHOLDERS.items():
        if name not in sys.modules:
            placeholders[name] = sys.modules[name] = ModuleType(name)
            setattr(placeholders[name], attribute, object)
    try:
        import typer.rich_utils  # noqa: F401
    finally:
        for name in placeholders:  # other importers get the real module
            del sys.modules[name]


def lazy_group(
    names: Callable[[], Iterable[str]],
    summary: Callable[[str], str],
    make: Callable[[str, str], Any],
    outline: Callable[[], Any] | None = None,
) -> type[TyperGroup]:
    """A group that lists its commands by name and creates only the command that runs.

    Parameters
    ----------
    names
        Returns the names, in the order of help.
    summary
        Returns the line of help for a name.
    make
        Returns the command for a name, or None for an unknown name, which Typer reports; may raise a `PluginError`.
        The second argument is the command line, for errors.
    outline
        Returns a command with the options that all commands share. Shell completion uses it for the values of these
        options, which is faster than to create the command itself.
    """

    class LazyGroup(GivenOnce, TyperGroup):
        def get_params(self, ctx: Any) -> list[Any]:
            """The options of the group itself, with False as the default of flags in place of None.

            To convert None, Typer 0.29 imports pydantic, which takes a third of the time budget of help.
            """
            params = super().get_params(ctx)
            for param in params:
                if getattr(param, "is_flag", False) and param.default is None:
                    param.default = False
            return params

        def list_commands(self, ctx: Any) -> list[str]:
            return list(names())

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            """A stub with one line of help; completion needs only the name."""
            return TyperCommand(cmd_name, help="" if ctx.resilient_parsing else summary(cmd_name))

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            """The command that runs, or whose options the shell completes."""
            if ctx.resilient_parsing and outline is not None:
                outlined = outline()
                if any(args[-1] in param.opts for param in outlined.params):
                    return args[0], outlined, args[1:]
            try:
                command = None if args[0].startswith("-") else make(args[0], str(ctx.obj))
            except PluginError:
                if ctx.resilient_parsing:  # completion shows no errors
                    return None, None, []
                raise
            if command is None and not ctx.resilient_parsing:
                ctx.fail(f"No such command {args[0]!r}.")
            return args[0] if command else None, command, args[1:]

    return LazyGroup
