"""Groups whose commands are made when they run: the one file that knows how Typer looks its commands up."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from typer.core import TyperCommand, TyperGroup

from survembed.errors import PluginError

SPARED = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}
"""What Typer imports from Rich for help, and needs only for help in Markdown and for tracebacks, which we have not."""


def import_help() -> None:
    """Import what Typer draws help with, without what it does not need for it: a quarter of the time that it takes."""
    placeholders = {}
    for name, attribute in SPARED.items():
        if name not in sys.modules:
            placeholders[name] = sys.modules[name] = ModuleType(name)
            setattr(placeholders[name], attribute, object)
    try:
        import typer.rich_utils  # noqa: F401
    finally:
        for name in placeholders:  # whoever else asks gets the real one
            del sys.modules[name]


def lazy_group(
    names: Callable[[], Iterable[str]],
    summary: Callable[[str], str],
    make: Callable[[str, str], Any],
    outline: Callable[[], Any] | None = None,
) -> type[TyperGroup]:
    """A group that knows its commands by name; help lists them in a line each, and only the one that runs is made.

    Parameters
    ----------
    names
        Gives the names, in the order of help.
    summary
        Gives the line of a name.
    make
        Gives the command of a name; the second argument is the command line, for errors. None for an unknown name,
        which Typer then reports; or it raises a `PluginError`.
    outline
        Gives a command with options that all commands have and that is made soon: to complete the value of one of
        them, no command need be made.
    """

    class LazyGroup(TyperGroup):
        def get_params(self, ctx: Any) -> list[Any]:
            """The options of the group itself; a flag that is not given is False and not None.

            To make nothing of None, Typer 0.29 imports pydantic, which takes a third of the time that help may take.
            """
            params = super().get_params(ctx)
            for param in params:
                if getattr(param, "is_flag", False) and param.default is None:
                    param.default = False
            return params

        def list_commands(self, ctx: Any) -> list[str]:
            return list(names())

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            """A stub with its line of help; without it for completion, which wants names only, and soon."""
            return TyperCommand(cmd_name, help="" if ctx.resilient_parsing else summary(cmd_name))

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            """The command that runs, or whose options are to be completed."""
            if ctx.resilient_parsing and outline is not None:
                outlined = outline()
                if any(args[-1] in param.opts for param in outlined.params):
                    return args[0], outlined, args[1:]
            try:
                made = None if args[0].startswith("-") else make(args[0], str(ctx.obj))
            except PluginError:
                if ctx.resilient_parsing:  # completion has nothing to say of it
                    return None, None, []
                raise
            if made is None and not ctx.resilient_parsing:
                ctx.fail(f"No such command {args[0]!r}.")
            return args[0] if made else None, made, args[1:]

    return LazyGroup
