"""`survembed plugins`: what is installed, whether it works, and how to begin one."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from survembed import registry
from survembed.cli.common import AsJson, Assignments, Config, names_of
from survembed.cli.console import say, show_facts, show_json, show_lines, show_table
from survembed.errors import PluginError, UsageError, corrected, nearest

if TYPE_CHECKING:
    from survembed.registry import subprocess_runner

    pass

app = typer.Typer(
    help="List components, ours and those of other packages; show, check or begin one.",
    no_args_is_help=True,
    add_completion=False,
)


def _kinds() -> list[str]:
    return list(registry.KINDS)


def _names() -> list[str]:
    return sorted({name for kind in registry.KINDS for name in names_of(kind)})


Kind = Annotated[str | None, typer.Option("--kind", help=f"Only {', '.join(registry.KINDS)}.", autocompletion=_kinds)]


Name = Annotated[str, typer.Argument(help="A name, or package:name.", autocompletion=_names)]
Timeout = Annotated[float, typer.Option("--timeout", min=1, help="Seconds that all checks of one may take.")]


@app.command("list")
def list_plugins(
    ctx: typer.Context,
    kind: Kind = None,
    check: Annotated[
        bool, typer.Option("--check", help="Run the checks on each component of other packages, too.")
    ] = False,
    timeout: Timeout = 300,
    wait: Annotated[float, typer.Option("--wait", min=0.1, help="Seconds that a package may take to import.")] = 10,
    as_json: AsJson = False,
) -> None:
    """List every component with its package, version and state; other packages are loaded in processes of their own."""
    command = str(ctx.obj)
    failing = show_plugins(_chosen(kind, command), as_json, wait=wait, check=timeout if check else None)
    if failing:
        raise PluginError(
            f"{len(failing)} component(s) do not pass: {', '.join(failing)}",
            where=command,
            expected="components that load and pass their checks",
            try_=f"survembed plugins check {failing[0]}",
        )


@app.command("show")
def show(ctx: typer.Context, name: Name, kind: Kind = None, as_json: AsJson = False) -> None:
    """Show a component: where it stands, and its options with types, ranges and defaults."""
    command = str(ctx.obj)
    found = [_description(registry.examine(entry)) for entry in _having(name, kind, command)]
    if as_json:
        show_json(found)
        return
    for each in found:
        options = each.pop("options")
        show_facts(each)
        columns = ["option", "type", "range", "default", "help"]
        show_table(columns, [[option[column] for column in columns] for option in options])


@app.command("check")
def check(
    ctx: typer.Context,
    name: Name,
    kind: Kind = None,
    config: Config = None,
    assignments: Assignments = None,
    timeout: Timeout = 300,
    as_json: AsJson = False,
) -> None:
    """Check that a component does what its kind promises, in a process of its own; exit code 3 where it does not."""
    from survembed.registry import subprocess_runner

    command = str(ctx.obj)
    settings = {"config": str(config) if config else None, "assignments": assignments or [], "command": command}
    entries = _having(name, kind, command)
    results = [
        (entry, result)
        for entry in entries
        for result in subprocess_runner.check_component(entry.kind, name, settings, timeout=timeout)
    ]
    if as_json:
        show_json([_result(entry, result) for entry, result in results])
    else:
        for entry in entries:
            rows = [[each.check, each.result, each.reason] for of, each in results if of is entry]
            show_facts({registry.KINDS[entry.kind]: entry.name, "package": entry.distribution})
            show_table(["check", "result", "reason"], rows)
    failed = [result.check for _, result in results if result.result == "failed"]
    if failed:
        raise PluginError(
            f"{len(failed)} of {len(results)} checks failed: {', '.join(failed)}",
            where=command,
            expected="a component that does what its kind promises",
        )


@app.command("new")
def new(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(registry.KINDS)}.", autocompletion=_kinds)],
    name: Annotated[str, typer.Argument(help="Of the component, such as my-model; the package is survembed-NAME.")],
    out: Annotated[Path, typer.Option("--out", help="Folder in which that of the package is made.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Begin a plugin: a package with one small component that installs and passes its checks as it stands."""
    from survembed.workflows.plugin import new_plugin

    command = str(ctx.obj)
    (chosen,) = _chosen(kind, command)
    files = new_plugin(chosen, name, out, where=command)
    folder = out / f"survembed-{name}"
    if as_json:
        show_json({"folder": folder, "files": files})
        return
    show_lines(files)
    say(f"next: pip install -e {folder}, then survembed plugins check {name}")


def show_plugins(kinds: Iterable[str], as_json: bool, *, wait: float = 10, check: float | None = None) -> list[str]:
    """The components of some kinds, each imported; those of other packages that fail to, or fail their checks.

    Parameters
    ----------
    wait
        Seconds that a package may take to import; after them it counts as broken.
    check
        Seconds for the checks of each component of another package; None for no checks.
    """
    from survembed.registry import subprocess_runner

    rows, failing = [], []
    for each in subprocess_runner.list_components(kinds, timeout=wait):
        entry = each.entry
        row: dict[str, Any] = {
            "name": entry.name,
            "kind": entry.kind,
            "package": entry.package,
            "version": entry.version_shown,
            "state": each.state,
            "summary": each.text,
        }
        if check is not None:
            row["checks"] = None
            if not entry.builtin and each.state in ("ok", "duplicate"):
                row["checks"] = _counted(
                    subprocess_runner.check_component(entry.kind, entry.qualified, _NO_SETTINGS, timeout=check)
                )
            if (row["checks"] or "").startswith("failed") or each.state in ("broken", "incompatible"):
                failing.append(entry.qualified)
        rows.append(row)
    if as_json:
        show_json(rows)
    else:
        show_table(list(rows[0]) if rows else ["name"], [list(row.values()) for row in rows])
    return failing


_NO_SETTINGS: Mapping[str, Any] = {"config": None, "assignments": [], "command": "survembed plugins list"}


def _counted(results: Iterable[subprocess_runner.CheckResult]) -> str:
    """`14 passed, 1 skipped`, or the checks that failed; one that needs options is not checked here."""
    from survembed.registry.subprocess_runner import OPTIONS

    found = list(results)
    if found and found[0].check == OPTIONS:
        return f"none: {found[0].reason}"
    failed = [each.check for each in found if each.result == "failed"]
    counts = Counter(each.result for each in found)
    return f"failed: {', '.join(failed)}" if failed else ", ".join(f"{n} {result}" for result, n in counts.items())


def _result(entry: registry.ComponentEntry, result: subprocess_runner.CheckResult) -> dict[str, Any]:
    described = {"name": entry.name, "kind": entry.kind, "package": entry.package, "version": entry.version_shown}
    return {**described, "check": result.check, "result": result.result, "reason": result.reason or None}


def _having(name: str, kind: str | None, command: str) -> list[registry.ComponentEntry]:
    """The component of that name, of each kind that has one."""
    kinds = _chosen(kind, command)
    having = [each for each in kinds if any(name in (entry.name, entry.qualified) for entry in registry.entries(each))]
    if not having:
        known = sorted({known for each in kinds for known in registry.names(each)})
        raise registry.unknown_name_error("component", name, known, command)
    return [registry.find(each, name, where=command) for each in having]


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


def _description(row: registry.ExaminedComponent) -> dict[str, Any]:
    entry, component = row.entry, row.component
    description: dict[str, Any] = {
        "name": entry.name,
        "kind": entry.kind,
        "package": entry.distribution,
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
