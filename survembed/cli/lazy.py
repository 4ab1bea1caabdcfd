"""Groups of commands: the one file that knows how Typer looks its commands up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typer.core import TyperCommand, TyperGroup

from survembed import registry
from survembed.errors import PluginError

ORDER = (
    *("data", "train", "embed", "traverse", "explore", "evaluate", "importance", "figure", "report"),
    *("sweep", "benchmark", "tau"),
    *("runs", "plugins"),
)


class MainGroup(TyperGroup):
    """Lists the commands in the order in which a study needs them."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Those of `ORDER`, then any other."""
        return sorted(self.commands, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


def model_group(make: Callable[[str, str], Any]) -> type[TyperGroup]:
    """A group with one command for each model; help shows names from metadata, and only the command that runs is made.

    Parameters
    ----------
    make
        Gives the command of a model's name; the second argument is the command line, for errors.
    """

    class ModelGroup(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            return registry.names("models")

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            """A stub with one line of help: our own summary, or a third party's package, which is not imported."""
            entry = registry.find("models", cmd_name)
            summary = f"From the package {entry.distribution}."
            if entry.builtin and not ctx.resilient_parsing:  # completion wants names only, and soon
                component = registry.examine(entry).component
                summary = component.summary() if component else summary
            return TyperCommand(cmd_name, help=summary)

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            """The command that runs, or whose options are to be completed."""
            if args[0].startswith("-"):
                return super().resolve_command(ctx, args)
            try:
                return args[0], make(args[0], str(ctx.obj)), args[1:]
            except PluginError:
                if ctx.resilient_parsing:  # completion has nothing to say of it
                    return None, None, []
                raise

    return ModelGroup
