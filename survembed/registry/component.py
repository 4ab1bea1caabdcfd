"""`Component`: a frozen pydantic model whose fields are the options of a dataset, model, head or downstream model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from survembed.errors import PluginError, UsageError, corrected, nearest
from survembed.registry.foreign_code import contained_build

API_VERSION = 2
"""Version of the plugin interface, an integer. A component written for another one is refused, with a reason.

The interface is what `survembed.testing` checks and the docstrings of `Component`, `Source`, `Model`, `Head`,
`SurvivalEstimator` and `Segmenter` say. The version rises when a plugin that kept to it could stop working: an argument
of `build` or of a method comes, goes or changes its meaning, shape, unit or direction; a built thing must have a method
that it need not have before; an entry-point group is renamed. It stays when a plugin may ignore the change: another
kind, an argument with a default on our side, a method that is used only where it is there, a check of what was written
already. The changelog lists every change of either sort under *Plugin API*. A plugin names the version that it was
written for, `api_version: ClassVar[int] = 2`; one that only inherits it would claim to fit any.
"""

LARGEST = 2**31 - 1
"""Largest integer of an option without a limit of its own."""

LARGEST_SEED = 2**32 - 1
"""Largest seed that NumPy and scikit-learn take."""


def option(default: Any, *, help: str, panel: str | None = None, **limits: Any) -> Any:
    """A field of a component: declared once, it becomes flag, help, range, record and Python argument.

    Parameters
    ----------
    default
        Default value.
    help
        One sentence for `--help`.
    panel
        Heading under which `--help` lists the option.
    limits
        Pydantic's `ge`, `gt`, `le`, `lt`.
    """
    return Field(default, description=help, json_schema_extra={"panel": panel} if panel else None, **limits)


class Component(BaseModel):
    """Configuration that builds the object it describes.

    Subclasses are light: they import torch, numpy and the like inside `build` only, so that help stays fast.
    The first line of the docstring is the summary which `survembed plugins list` and `--help` show.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    api_version: ClassVar[int] = API_VERSION

    if TYPE_CHECKING:
        build: ClassVar[Callable[..., Any]]  # each kind has its own arguments; see CONTRIBUTING.md

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Limit `build` of a component of another package; see `foreign_code.contained`."""
        build = vars(cls).get("build")
        package = cls.__module__.partition(".")[0]
        if callable(build) and package != "survembed":
            cls.build = _contained(build, package, cls.__name__)

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        lines = (cls.__doc__ or "").strip().splitlines()
        return lines[0] if lines else ""

    @classmethod
    def configure(cls, name: str, values: dict[str, Any], where: Mapping[str, str] | None = None) -> Self:
        """Make a component from `values`, or raise one `UsageError` for pydantic's errors.

        Parameters
        ----------
        name
            Name for the error message: `model coxvae`, `data`.
        values
            Options by name, as read from flags, environment or TOML; strings are converted.
        where
            User input by option, for the error message; default `name`.
        """
        where = where or {}
        unknown = sorted(set(values) - set(cls.model_fields))
        if unknown:
            close = nearest(unknown[0], cls.model_fields)
            raise UsageError(
                f"{name} has no option '{unknown[0]}'",
                where=where.get(unknown[0], name),
                expected="one of " + ", ".join(sorted(cls.model_fields)),
                try_=corrected(where.get(unknown[0]), unknown[0], close) if close else None,
            )
        for field, value in values.items():
            if reason := _refusal(value, cls.model_fields[field].annotation):
                message = f"{name}: {field} = {str(value)[:40]} is not valid"
                raise UsageError(message, where=where.get(field, name), expected=reason)
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            field = str(first["loc"][0]) if first["loc"] else ""
            reason = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            if first["type"] == "missing":
                reason = cls.model_fields[field].description or ""
            if first["type"] == "missing" and len(first["loc"]) == 1:
                message = f"{name}: {field} is missing"
            elif field:  # given, though a part of it may be missing
                message = f"{name}: {field} = {values.get(field, first['input'])!r} is not valid"
            else:  # a validator of several options at once
                message, reason = f"{name}: {reason}", "options that fit together"
            raise UsageError(message, where=where.get(field, name), expected=reason or None) from error


def _refusal(value: Any, annotation: Any) -> str:
    """Why an option does not take `value`, which pydantic or a computation would take for another; else empty."""
    numeric = {int, float} & {annotation, *get_args(annotation)}
    if numeric and isinstance(value, bool) and bool not in (annotation, *get_args(annotation)):
        return "a number, not true or false"
    whole = re.fullmatch(r"\s*[+-]?[\d_]+\s*", value) if isinstance(value, str) else isinstance(value, int)
    digits = str(value).strip().lstrip("+-0") if whole and not isinstance(value, int) else ""
    beyond = abs(value) > LARGEST if isinstance(value, int) else len(digits) > len(str(LARGEST))
    return f"a number of at most {LARGEST}" if int in numeric and beyond else ""


def _contained(build: Callable[..., Any], package: str, name: str) -> Callable[..., Any]:
    @wraps(build)
    def limited(self: Component, *arguments: Any, **options: Any) -> Any:
        with contained_build(package, name):
            built = build(self, *arguments, **options)
        if built is None:
            raise PluginError(
                f"{name}.build of {package} returns nothing",
                where=f"{package}.{name}",
                expected="the object that its kind describes",
                try_="survembed plugins list --check",
            )
        return built

    return limited
