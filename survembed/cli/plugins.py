"""`survembed plugins`: list, show, check and create components."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from survembed import registry
from survembed.cli.app import App
from survembed.cli.console import say, show_facts, show_json, show_lines, show_table
from survembed.cli.shared_options import AsJson, Assignments, Config, names_of, output_folder
from survembed.errors import PluginError, UsageError, corrected, nearest

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from survembed.registry import subprocess_runner

app = App(
    help="List components, including those of other packages; show, check or create one.",
    no_args_is_help=True,
    add_completion=False,
)


def _kinds() -> list[str]:
    return list(registry.KINDS)


def _names() -> list[str]:
    return sorted({name for kind in registry.KINDS for name in names_of(kind)})


Kind = Annotated[
    str | None,
    typer.Option("--kind", help=f"Only components of this kind: {', '.join(registry.KINDS)}.", autocompletion=_kinds),
]


Name = Annotated[str, typer.Argument(help="Name of a component, or PACKAGE:NAME.", autocompletion=_names)]
Timeout = Annotated[
    float, typer.Option("--timeout", min=1, max=604_800, help="Time limit in seconds for all checks of one component.")
]


@app.command("list")
def list_plugins(
    ctx: typer.Context,
    kind: Kind = None,
    check: Annotated[
        bool, typer.Option("--check", help="Also run the checks of each component of other packages.")
    ] = False,
    timeout: Timeout = 300,
    wait: Annotated[
        float, typer.Option("--wait", min=0.1, max=604_800, help="Time limit in seconds for the import of a package.")
    ] = 10,
    as_json: AsJson = False,
) -> None:
    """List all components with package, version and state. Other packages are imported in separate processes."""
    command = str(ctx.obj)
    failing = show_plugins(_kinds_from(kind, command), as_json, wait=wait, check=timeout if check else None)
    if failing:
        raise PluginError(
            f"{len(failing)} component(s) do not pass: {', '.join(failing)}",
            where=command,
            expected="components that can be imported and pass their checks",
            try_=f"survembed plugins check {failing[0]}",
        )


@app.command("show")
def show(ctx: typer.Context, name: Name, kind: Kind = None, as_json: AsJson = False) -> None:
    """Show the source file of a component and its options with types, ranges and defaults."""
    command = str(ctx.obj)
    found = [_description(registry.examine(entry)) for entry in _entries_named(name, kind, command)]
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
    """Check in a separate process that a component meets the requirements of its kind. Exit code 3 if it does not."""
    from survembed.registry import subprocess_runner

    command = str(ctx.obj)
    settings = {"config": str(config) if config else None, "assignments": assignments or [], "command": command}
    entries = _entries_named(name, kind, command)
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
            expected="a component that meets the requirements of its kind",
        )


@app.command("new")
def new(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(registry.KINDS)}.", autocompletion=_kinds)],
    name: Annotated[
        str, typer.Argument(help="Name of the component, such as my-model. The package is called survembed-NAME.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", callback=output_folder, help="Folder in which the package folder is created."),
    ] = Path(),
    as_json: AsJson = False,
) -> None:
    """Create a plugin: a package with one small component that can be installed and passes all checks."""
    from survembed.workflows.plugin import new_plugin

    command = str(ctx.obj)
    (chosen,) = _kinds_from(kind, command)
    files = new_plugin(chosen, name, out, where=command)
    folder = out / f"survembed-{name}"
    if as_json:
        show_json({"folder": folder, "files": files})
        return
    show_lines(files)
    say(f"next: pip install -e {folder}, then survembed plugins check {name}")


def show_plugins(kinds: Iterable[str], as_json: bool, *, wait: float = 10, check: float | None = None) -> list[str]:
    """Import and print the components of some kinds; return the names of plugins that fail to load or fail a check.

    Parameters
    ----------
    wait
        Time limit in seconds for the import of a package; beyond it the package counts as broken.
    check
        Time limit in seconds for the checks of each plugin; None for no checks.
    """
    from survembed.registry import subprocess_runner

    rows, failing = [], []
    for each in subprocess_runner.list_components(kinds, timeout=wait):
        entry = each.entry
        row: dict[str, Any] = {**_identity(entry), "state": each.state, "summary": each.text}
        if check is not None:
            row["checks"] = None
            if not entry.builtin and each.state in ("ok", "duplicate"):
                row["checks"] = _check_summary(
                    subprocess_runner.check_component(entry.kind, entry.qualified, NO_SETTINGS, timeout=check)
                )
            if (row["checks"] or "").startswith("failed") or each.state in ("broken", "incompatible"):
                failing.append(entry.qualified)
        rows.append(row)
    if as_json:
        show_json(rows)
    else:
        show_table(list(rows[0]) if rows else ["name"], [list(row.values()) for row in rows])
    return failing


NO_SETTINGS: Mapping[str, Any] = {"config": None, "assignments": [], "command": "survembed plugins list"}


def _check_summary(results: Iterable[subprocess_runner.CheckResult]) -> str:
    """`14 passed, 1 skipped`, or the names of failed checks; components that require options are not checked."""
    from survembed.registry.subprocess_runner import OPTIONS

    found = list(results)
    if found and found[0].check == OPTIONS:
        return f"none: {found[0].reason}"
    failed = [each.check for each in found if each.result == "failed"]
    counts = Counter(each.result for each in found)
    return f"failed: {', '.join(failed)}" if failed else ", ".join(f"{n} {result}" for result, n in counts.items())


def _identity(entry: registry.ComponentEntry) -> dict[str, Any]:
    return {"name": entry.name, "kind": entry.kind, "package": entry.package, "version": entry.version_shown}


def _result(entry: registry.ComponentEntry, result: subprocess_runner.CheckResult) -> dict[str, Any]:
    return {**_identity(entry), "check": result.check, "result": result.result, "reason": result.reason or None}


def _entries_named(name: str, kind: str | None, command: str) -> list[registry.ComponentEntry]:
    """The components called `name`, at most one of each kind."""
    kinds = _kinds_from(kind, command)
    matching = [
        each for each in kinds if any(name in (entry.name, entry.qualified) for entry in registry.entries(each))
    ]
    if not matching:
        names = sorted({other for each in kinds for other in registry.names(each)})
        raise registry.unknown_name_error("component", name, names, command)
    return [registry.find(each, name, where=command) for each in matching]


def _kinds_from(kind: str | None, command: str) -> list[str]:
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
        from survembed.cli.component_options import range_text

        description["file"] = f"{inspect.getsourcefile(component)}:{inspect.getsourcelines(component)[1]}"
        description["summary"] = component.summary()
        description["options"] = [
            {
                "option": name,
                "type": _type_text(field.annotation),
                "range": range_text(_limits(field)),
                "default": "required" if field.is_required() else field.default,
                "help": field.description,
            }
            for name, field in component.model_fields.items()
        ]
    return description


def _type_text(annotation: Any) -> str:
    """Type of an option for users: `tuple[int, ...]`, `batch | group`, `Path | None`."""
    from types import NoneType, UnionType
    from typing import Annotated, Literal, Union, get_args, get_origin

    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_text(inner[0])
    if origin is Literal:
        return " | ".join(map(str, inner))
    if origin in (Union, UnionType):
        return " | ".join(map(_type_text, inner))
    if origin in (tuple, list):
        return f"{origin.__name__}[{', '.join(map(_type_text, inner))}]"
    if annotation in (NoneType, ...):
        return "None" if annotation is NoneType else "..."
    return str(getattr(annotation, "__name__", annotation))


def _limits(field: FieldInfo) -> dict[str, float]:
    """Limits of a number, or of the numbers in a list."""
    from typing import get_args

    from survembed.cli.component_options import bounds

    def within(annotation: Any) -> dict[str, float]:
        of_parts = [within(part) for part in get_args(annotation)]
        of_annotation = [bounds(each) for each in getattr(annotation, "__metadata__", ()) if hasattr(each, "metadata")]
        return next(filter(None, [*of_annotation, *of_parts]), {})

    return bounds(field) or within(field.annotation)
