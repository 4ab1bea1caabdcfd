"""`survembed plugins`: what is installed, and whether it works."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from survembed import registry
from survembed.cli.common import AsJson, names_of
from survembed.cli.console import show_facts, show_json, show_table
from survembed.errors import UsageError, corrected, nearest

app = typer.Typer(help="List components, ours and those of other packages, or show one.", no_args_is_help=True)


def _kinds() -> list[str]:
    return list(registry.KINDS)


def _names() -> list[str]:
    return sorted({name for kind in registry.KINDS for name in names_of(kind)})


Kind = Annotated[str | None, typer.Option("--kind", help=f"Only {', '.join(registry.KINDS)}.", autocompletion=_kinds)]


@app.command("list")
def list_plugins(ctx: typer.Context, kind: Kind = None, as_json: AsJson = False) -> None:
    """List every component with its package, version and state."""
    show_plugins(_chosen(kind, str(ctx.obj)), as_json)


@app.command("show")
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A name, or package:name.", autocompletion=_names)],
    kind: Kind = None,
    as_json: AsJson = False,
) -> None:
    """Show a component: where it stands, and its options with types, ranges and defaults."""
    command = str(ctx.obj)
    kinds = _chosen(kind, command)
    having = [each for each in kinds if any(name in (entry.name, entry.qualified) for entry in registry.entries(each))]
    if not having:
        known = sorted({known for each in kinds for known in registry.names(each)})
        raise registry.unknown("component", name, known, command)
    found = [_description(registry.examine(registry.find(each, name, where=command))) for each in having]
    if as_json:
        show_json(found)
        return
    for each in found:
        options = each.pop("options")
        show_facts(each)
        columns = ["option", "type", "range", "default", "help"]
        show_table(columns, [[option[column] for column in columns] for option in options])


def show_plugins(kinds: Iterable[str], as_json: bool) -> None:
    """The components of some kinds, each imported and examined."""
    rows = [
        {
            "name": row.entry.name,
            "kind": kind,
            "package": row.entry.package,
            "version": row.entry.version,
            "state": row.state,
            "summary": row.component.summary() if row.component and not row.reason else row.reason,
        }
        for kind in kinds
        for row in registry.describe(kind)
    ]
    if as_json:
        show_json(rows)
    else:
        show_table(list(rows[0]) if rows else ["name"], [list(row.values()) for row in rows])


def _chosen(kind: str | None, command: str) -> list[str]:
    if kind is None or kind in registry.KINDS:
        return [kind] if kind else list(registry.KINDS)
    close = nearest(kind, registry.KINDS)
    raise UsageError(
        f"no kind of component named '{kind}'",
        where=command,
        expected=f"one of {', '.join(registry.KINDS)}",
        try_=corrected(command, kind, close) if close else None,
    )


def _description(row: registry.Examined) -> dict[str, Any]:
    entry, component = row.entry, row.component
    description: dict[str, Any] = {
        "name": entry.name,
        "kind": entry.kind,
        "package": f"{entry.package} {entry.version}",
        "state": row.state,
        "reason": row.reason or None,
        "class": entry.value,
        "file": None,
        "summary": None,
        "options": [],
    }
    if component:
        from survembed.cli.flags import bounds, range_text

        description["file"] = f"{inspect.getsourcefile(component)}:{inspect.getsourcelines(component)[1]}"
        description["summary"] = component.summary()
        description["options"] = [
            {
                "option": name,
                "type": _type_text(field.annotation),
                "range": range_text(bounds(field)),
                "default": "required" if field.is_required() else field.default,
                "help": field.description,
            }
            for name, field in component.model_fields.items()
        ]
    return description


def _type_text(annotation: Any) -> str:
    """A type as the user may write its values: `batch | group | none` for a choice."""
    from typing import Literal, get_args, get_origin

    if get_origin(annotation) is Literal:
        return " | ".join(map(str, get_args(annotation)))
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("pathlib.", "")
