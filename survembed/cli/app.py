"""Typer applications whose commands refuse an option that is given twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand

from survembed.errors import UsageError


class GivenOnce:
    """Mixin of commands and groups: an option that holds one value can be given once.

    Click alone takes the last value and ignores the others.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments after the check; shell completion is not checked."""
        if not ctx.resilient_parsing:
            command: Any = self
            *_, order = command.make_parser(ctx).parse_args(list(args))
            given = [each for each in order if each.param_type_name == "option" and not each.is_eager]
            times = Counter(option for option in given if not option.multiple)
            for option in (each for each, n in times.items() if n > 1):
                raise UsageError(
                    f"{' / '.join(option.opts + option.secondary_opts)} is given {times[option]} times",
                    where=str(ctx.obj),
                    expected="each option once, unless its help says that it can be repeated",
                )
        parsed: list[str] = super().parse_args(ctx, args)  # type: ignore[misc]  # of the other base
        return parsed


class Command(GivenOnce, TyperCommand):
    """The class of all commands."""


class App(typer.Typer):
    """A Typer application whose commands are of class `Command`."""

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:
        """Decorate a function as the command `name`."""
        return super().command(name, **{"cls": Command, **settings})
