"""Settings: every option with its value and origin.

Options have dotted keys (`seed`, `train.updates`, `downstream.rsf.n_estimators`). Later sources override earlier ones:
default, preset, `--config` (TOML or a run), environment (`SURVEMBED_TRAIN_UPDATES`), `--set train.updates=100`, own
flag (`--updates`).
"""

from __future__ import annotations

import errno
import json
import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

from pydantic import field_validator

from survembed.errors import UsageError, corrected, nearest
from survembed.registry.component import LARGEST_SEED, Component, option

SECTIONS = ("data", "model", "head", "train", "split", "sweep", "downstream", "segment")
"""Tables of a configuration file; a command reads the ones that it needs."""

NAMED = ("data", "model")
"""Sections with a `name`, the component that their other keys configure."""

SAME_AS = {"head.name": "model.head"}
"""Two keys of one setting: `config.json` of a run has both."""

RESERVED = (
    "SURVEMBED_RUN",
    "SURVEMBED_CACHE",
    "SURVEMBED_TEST_DATA",
    "SURVEMBED_PLUGINS",
    "SURVEMBED_PLUGIN_PATH",
    "SURVEMBED_PLUGIN_TIMEOUT",
)
"""Environment variables that are not options."""

C = TypeVar("C", bound=Component)


class Common(Component, defer_build=True):
    """Options outside all sections, at the top of a configuration file."""

    seed: int = option(0, ge=0, le=LARGEST_SEED, help="Seed of weights, batches and samples.")
    device: str = option("auto", help="auto, cpu, cuda, cuda:1 or mps.")

    @field_validator("device")
    @classmethod
    def _known(cls, value: str) -> str:
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", value):
            raise ValueError("auto, cpu, cuda, cuda:N or mps")
        return value


@dataclass(frozen=True)
class Setting:
    """A value and its origin.

    Attributes
    ----------
    value
        As typed, or as validated after it is resolved.
    origin
        For display: `default`, `preset paper`, `study.toml`, `SURVEMBED_SEED`, `--set`, `--seed`.
    where
        Text that the user typed, for errors; empty for a default.
    """

    value: Any
    origin: str
    where: str = ""


@dataclass
class Settings:
    """The sources of settings, in increasing precedence, and the resolved settings.

    Attributes
    ----------
    preset, file, environment, assigned, flags
        Values by dotted key; the environment by variable.
    resolved
        Settings resolved so far, by dotted key and in this order; `--dry-run` prints them.
    """

    preset: Mapping[str, Setting] = field(default_factory=dict)
    file: Mapping[str, Setting] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    assigned: Mapping[str, Setting] = field(default_factory=dict)
    flags: Mapping[str, Setting] = field(default_factory=dict)
    resolved: dict[str, Setting] = field(default_factory=dict)

    @classmethod
    def gather(
        cls,
        *,
        config: Path | None = None,
        assignments: Sequence[str] = (),
        flags: Mapping[str, Setting] | None = None,
        preset: Mapping[str, Setting] | None = None,
        command: str = "",
    ) -> Settings:
        """Read all sources.

        Parameters
        ----------
        config
            A TOML file, or a run whose options are taken; see `read_file`. Relative paths in it are relative to the
            working directory, as in flags.
        assignments
            `key=value` each.
        flags, preset
            Values by dotted key.
        command
            The command line, for errors.

        Raises
        ------
        UsageError
            When the file cannot be read, is not TOML or has an unknown table, an assignment has no `=`, or a variable
            that begins with `SURVEMBED_` belongs to no option.
        """
        settings = cls(
            preset=preset or {},
            file=read_file(config) if config else {},
            environment={name: text for name, text in os.environ.items() if name.startswith("SURVEMBED_")},
            assigned=_assigned(assignments, command),
            flags=flags or {},
        )
        settings._check_top()
        return settings

    def name(self, section: str) -> Setting | None:
        """The `name` in a section of `NAMED`; None where no source has one."""
        key = f"{section}.name"
        found = self._find(key)
        if found:
            self.resolved[key] = found
        return found

    def names_within(self, section: str) -> dict[str, str]:
        """Names of the tables inside `section` in the file or `--set`, each with the text that the user typed."""
        given = [*self.file.items(), *self.assigned.items()]
        parts = [(key.split("."), setting.where) for key, setting in given]
        return {path[1]: where for path, where in parts if path[0] == section and len(path) > 1}

    def component(self, section: str, label: str, component: type[C]) -> C:
        """A component configured from `section`; the empty section is the top of the file.

        Parameters
        ----------
        section
            `train`, `downstream.rsf`, or empty.
        label
            Name in errors: `model coxvae`.
        component
            Class of the component.

        Raises
        ------
        UsageError
            When an option is unknown (the nearest name is proposed) or out of range.
        """
        prefix = f"{section}." if section else ""
        fields = component.model_fields
        found = {name: setting for name in fields if (setting := self._find(prefix + name))}
        typed = {name: _typed(setting.value, fields[name].annotation) for name, setting in found.items()}
        unknown = self._unknown(prefix, component)
        typed |= {name: setting.value for name, setting in unknown.items()}
        where = {name: setting.where for name, setting in (found | unknown).items()}
        together = next(filter(None, where.values()), label)  # for errors of several options together
        made = component.configure(label, typed, {"": together, **where})
        for name in fields:
            origin = found.get(name, Setting(None, "default"))
            self.resolved[prefix + name] = Setting(getattr(made, name), origin.origin, origin.where)
        return made

    def _find(self, key: str) -> Setting | None:
        for source in (self.flags, self.assigned):
            if key in source:
                return source[key]
        for other in (key, *(alias for alias, target in SAME_AS.items() if target == key)):
            name = variable(other)
            if name in self.environment:
                return Setting(self.environment[name], name, f"{name}={self.environment[name]}")
        return self.file.get(key) or self.preset.get(key)

    def _unknown(self, prefix: str, component: type[Component]) -> dict[str, Setting]:
        """Settings under `prefix` that are no options of `component`; `configure` refuses them."""
        if not prefix:
            return {}  # the top is checked in `gather`
        known = {prefix + name for name in (*component.model_fields, *(["name"] if prefix[:-1] in NAMED else []))}
        unknown = {
            key.removeprefix(prefix): setting
            for source in (self.file, self.assigned, self.flags)
            for key, setting in source.items()
            if key.startswith(prefix) and key not in known
        }
        start, variables = variable(prefix), {variable(key) for key in (*known, *SAME_AS)}
        for name, text in self.environment.items():
            if name.startswith(start) and name not in variables:
                unknown[name.removeprefix(start).lower()] = Setting(text, name, f"{name}={text}")
        return unknown

    def _check_top(self) -> None:
        """Refuse keys and variables that are neither in a section nor options of `Common`."""
        for source in (self.file, self.assigned):
            for key, setting in source.items():
                head, dot, _ = key.partition(".")
                if head not in (SECTIONS if dot else Common.model_fields):
                    raise _unknown_key(f"no setting '{key}'", head, setting.where)
        starts = tuple(variable(f"{section}.") for section in SECTIONS)
        known = {*RESERVED, *map(variable, Common.model_fields)}
        for name, text in self.environment.items():
            if name not in known and not name.startswith(starts):
                raise _unknown_key(f"no setting for the variable {name}", name.split("_")[1].lower(), f"{name}={text}")


def variable(key: str) -> str:
    """The environment variable of a dotted key: `SURVEMBED_TRAIN_UPDATES` of `train.updates`."""
    return "SURVEMBED_" + re.sub(r"[^A-Za-z0-9]", "_", key).upper()


def read_file(path: Path) -> dict[str, Setting]:
    """The values of a TOML file, or of the configuration of a run, by dotted key.

    Parameters
    ----------
    path
        A TOML file, the `config.json` of a run, or the folder of a run.

    Raises
    ------
    UsageError
        When it cannot be read, or is not what its name says; the error has the line.
    """
    expected = "a TOML file in UTF-8, with tables such as [train]; or a run, or its config.json"
    kind, parse = "TOML", tomllib.loads
    try:
        if path.is_dir():
            path = path / "config.json"
        if path.suffix == ".json":
            kind, parse = "JSON", json.loads
        if not path.is_file() and path.exists():  # a pipe would never end
            raise OSError(errno.EINVAL, "not a file")
        table = parse(path.read_text(encoding="utf-8"))
        if not isinstance(table, dict):
            raise ValueError("it has no tables")
        pairs = list(_flat({key: value for key, value in table.items() if value is not None}))  # a VAE has no head
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {path.name}: not UTF-8", where=f"--config {path}", expected=expected) from error
    except OSError as error:
        reason = f"cannot read {path.name or path}: {error.strerror}"
        raise UsageError(reason, where=f"--config {path}", expected=expected) from error
    except (ValueError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        reason, line = "it is nested too deeply" if deep else str(error), re.search(r"(?:at )?line (\d+)", str(error))
        raise UsageError(
            f"{path.name} is not {kind}: {reason}",
            where=f"{path}, line {line[1]}" if line else str(path),
            expected=expected,
        ) from error
    return _merged((key, Setting(value, path.name, f"{key} = {_short(value)} in {path}")) for key, value in pairs)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:99]}…"


def _assigned(assignments: Sequence[str], command: str) -> dict[str, Setting]:
    pairs = []
    for text in assignments:
        key, equals, value = text.partition("=")
        where = command or f"--set {text}"
        if not equals:
            raise UsageError(f"'{text}' has no value", where=where, expected="key=value, such as train.updates=100")
        pairs.append((key.strip(), Setting(value.strip(), "--set", where)))
    twice = next((key for key, times in Counter(key for key, _ in pairs).items() if times > 1), None)
    if twice:
        raise UsageError(f"--set {twice} is given more than once", where=command, expected="one value for each key")
    return _merged(pairs)


def _merged(pairs: Iterable[tuple[str, Setting]]) -> dict[str, Setting]:
    """The pairs by key; later ones override earlier ones, and keys in `SAME_AS` get one name."""
    found = dict(pairs)
    for key, other in SAME_AS.items():
        setting = found.pop(key, None)
        if setting and found.setdefault(other, setting).value != setting.value:
            raise UsageError(f"{key} and {other} differ", where=setting.where, expected="one of them, or one value")
    return found


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _typed(value: Any, annotation: Any) -> Any:
    """Text in a form that pydantic converts: `32,32` for a tuple, empty text for None."""
    if not isinstance(value, str):
        return value
    choices = get_args(annotation)
    if not value and NoneType in choices:
        return None
    plain = [choice for choice in (annotation, *choices) if get_origin(choice) in (tuple, list)]
    return [part.strip() for part in value.split(",") if part.strip()] if plain else value


def _unknown_key(message: str, typed: str, where: str) -> UsageError:
    close = nearest(typed, [*Common.model_fields, *SECTIONS])
    return UsageError(
        message,
        where=where,
        expected=f"{', '.join(Common.model_fields)}, or an option of {', '.join(SECTIONS)}",
        try_=corrected(where, typed, close) if close and close != typed else None,
    )
