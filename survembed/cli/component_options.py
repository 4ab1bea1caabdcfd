"""Command-line flags made from the fields of a component: type, range, choices, default and help."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from survembed.cli.shared_options import names_of
from survembed.errors import printable

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from survembed.registry.component import Component
    from survembed.runs.settings import Setting


@dataclass(frozen=True)
class Flag:
    """A flag and its setting.

    Attributes
    ----------
    key
        Dotted key of the setting: `model.tau`.
    name
        Flag as typed: `--tau`.
    parameter
        Parameter of the signature from which Typer makes the option.
    """

    key: str
    name: str
    parameter: inspect.Parameter


def flags_of(
    component: type[Component], section: str, panel: str, taken: Collection[str] = (), *, prefixed: bool = False
) -> list[Flag]:
    """A flag for each field whose type fits on the command line; `--set` and files set the others.

    Parameters
    ----------
    component
        Class of the component.
    section
        Section of the settings with its options; empty for the top level.
    panel
        Heading in `--help` for fields without a heading of their own.
    taken
        Names already in use; a flag with one of them starts with the section, as in `--model-rate`.
    prefixed
        Whether all flags start with the section.
    """
    flags = []
    for name, field in component.model_fields.items():
        kind = _flag_type(field.annotation)
        if kind is None:
            continue
        key = f"{section}.{name}" if section else name
        flag = "--" + (f"{section}-{name}" if prefixed or name in taken else name).replace("_", "-")
        extra = field.json_schema_extra
        heading = printable(str(extra["panel"])) if isinstance(extra, dict) and "panel" in extra else panel
        flags.append(Flag(key, flag, _parameter(key, flag, kind, field, heading)))
    return flags


def _parameter(key: str, flag: str, kind: Any, field: FieldInfo, panel: str) -> inspect.Parameter:
    limits = range_text(bounds(field))
    info = typer.Option(
        *([f"{flag}/--no-{flag[2:]}"] if kind is bool else [flag]),
        help=_escaped(field.description or ""),
        metavar=f"<{kind.__name__}> [{limits}]" if limits else None,  # the component checks the range, as for TOML
        rich_help_panel=panel,
        autocompletion=_heads if key == "model.head" else None,
    )
    default = ",".join(map(str, field.default)) if isinstance(field.default, tuple | list) else field.default
    if field.is_required() or default is None:
        default, kind = None, kind | None
    return inspect.Parameter(
        key.replace(".", "__"), inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info]
    )


def settings_from_flags(flags: Collection[Flag], ctx: typer.Context, values: Mapping[str, Any]) -> dict[str, Setting]:
    """Settings from the flags on the command line, by dotted key."""
    from survembed.runs.settings import Setting

    given = {}
    for flag in flags:
        name = flag.parameter.name
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            origin = f"--no-{flag.name[2:]}" if values[name] is False else flag.name
            given[flag.key] = Setting(values[name], origin, str(ctx.obj))
    return given


def bounds(field: FieldInfo) -> dict[str, float]:
    """Limits of a number: any of `ge`, `gt`, `le`, `lt`."""
    return {
        name: getattr(limit, name)
        for limit in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if hasattr(limit, name)
    }


def range_text(limits: Mapping[str, float]) -> str:
    """Limits in mathematical notation: `0<=x<1`."""
    low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
    below, above = ("<=" if "ge" in limits else "<"), ("<=" if "le" in limits else "<")
    if low is None:
        return "" if high is None else f"x{above}{high}"
    return f"x{below.replace('<', '>')}{low}" if high is None else f"{low}{below}x{above}{high}"


def _flag_type(annotation: Any) -> Any:
    """Type of the flag for a field; None if the type does not fit on the command line."""
    inner = [choice for choice in get_args(annotation) if choice is not NoneType]
    if NoneType in get_args(annotation) and len(inner) == 1:
        return _flag_type(inner[0])
    if annotation in (bool, int, float, str, Path):
        return annotation
    if get_origin(annotation) is Literal and all(isinstance(choice, str) for choice in inner):
        return annotation
    return str if get_origin(annotation) in (tuple, list) else None


def _heads() -> list[str]:
    return names_of("heads")


def _escaped(text: str) -> str:
    """Text with escaped Rich markup, without control characters."""
    return printable(text).replace("[", r"\[")
