"""The Sphinx directive `command`: options and arguments of a command, from the command line itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from typer.main import get_command


class CommandPage(SphinxDirective):
    """Description of the command that the argument names, with all its sub-commands."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """The nodes of the page."""
        return self.parse_text_to_nodes("\n".join(describe(self.arguments[0])), allow_section_headings=True)


def describe(path: str) -> Iterator[str]:
    """Markdown for a command such as `runs` or `train coxvae`: usage, text, and a table of its options."""
    from survembed.cli.main import app

    command: Any = get_command(app)
    context = command.context_class(command, info_name="survembed", obj=f"survembed {path}")
    for word in path.split():
        _, command, _ = command.resolve_command(context, [word])
        context = command.context_class(command, info_name=word, parent=context)
    yield from _page(command, context, f"survembed {path}")


def _page(command: Any, context: Any, name: str) -> Iterator[str]:
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"\n`{name} {usage}`\n\n{_text(command.help)}\n"
    rows = [row for row in map(_row, command.get_params(context)) if row]
    if rows:
        yield from ("| option | purpose | default |", "|---|---|---|", *rows, "")
    for each in getattr(command, "list_commands", lambda _: [])(context):
        inner = command.get_command(context, each)
        if name != "survembed train":  # the page of each model has a section of its own
            yield f"\n## {name} {each}\n"
            inside = inner.context_class(inner, info_name=each, parent=context)
            yield from _page(inner, inside, f"{name} {each}")


def _row(parameter: Any) -> str:
    if parameter.name == "help" or getattr(parameter, "hidden", False):
        return ""
    is_option = parameter.param_type_name == "option"
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts)) if is_option else ""
    default = parameter.default if isinstance(parameter.default, str | int | float) else ""
    shown = "" if isinstance(default, bool) or default == "" else f"`{default}`"
    shown_name = names or f"`{parameter.metavar or parameter.name.upper()}`"
    return f"| {shown_name} | {_text(getattr(parameter, 'help', ''))} | {shown} |"


def _text(text: str | None) -> str:
    """Help text as Markdown in one line: nothing in it is markup, and `|` ends no cell."""
    joined = re.sub(r"\s+", " ", (text or "").split("\f")[0]).strip().replace("\\[", "[")
    return re.sub(r"([|*_<>$\[\]])", r"\\\1", joined)
