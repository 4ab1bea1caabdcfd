"""The command that trains a run again, from its `config.json`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from survembed import registry
from survembed.errors import PluginError
from survembed.registry.component import Component
from survembed.training.options import SplitOptions, TrainOptions

KINDS = {"data": "datasets", "model": "models", "head": "heads"}
"""Sections of `config.json` that name a component, with the kind of it."""


def training_command(config: Mapping[str, Any]) -> str:
    """The command of a training: every option of `config.json` that differs from its default.

    It is made from the configuration, so that a run of a sweep, of a script or with options from a file and the
    environment has one too. All options of a component that is not installed are listed.
    """
    words = ["survembed", "train", config["model"]["name"], "--data", config["data"]["name"]]
    for key, value in options_given(config).items():
        words += ["--set", f"{key}={text_of(value)}"]
    return shlex.join(words)


def options_given(config: Mapping[str, Any]) -> dict[str, Any]:
    """Options with a value other than the default, by dotted key."""
    given = {name: config[name] for name, default in (("seed", 0), ("device", "auto")) if config[name] != default}
    for section in ("data", "model", "head", "train", "split"):
        options = dict(config[section] or {})
        component = _component(section, options.pop("name", ""))
        fields = component.model_fields if component else {}
        for name, value in options.items():
            default = fields[name].get_default(call_default_factory=True) if name in fields else None
            if name not in fields or text_of(value) != text_of(default):
                given[f"{section}.{name}"] = value
    return given


def text_of(value: Any) -> str:
    """A value as `--set` reads it: `32,32` for a list, empty for None."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ",".join(map(text_of, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _component(section: str, name: str) -> type[Component] | None:
    if section not in KINDS:
        return TrainOptions if section == "train" else SplitOptions
    try:
        return registry.load(KINDS[section], name)
    except PluginError:
        return None
