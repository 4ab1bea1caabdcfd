"""Removal of file paths from the report: folders and files may carry the names of patients or users."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from survembed import registry
from survembed.registry.component import Component

HIDDEN = "PATH"
_SHOWN_VALUES = ("--downstream", "--bootstrap", "--device")  # every other value of the command line may be a path
_OPTION = re.compile(r"--[a-z][a-z-]*(=|$)")
_NUMBER = re.compile(r"[-+]?\d[\d.eE+-]*|true|false", re.I)
_NAME = re.compile(r"[\w.:-]+")
_KINDS = {"data": "datasets", "model": "models", "head": "heads", "train": "", "split": ""}

_START = r"(?:[A-Za-z][\w+.-]*:(?=[\\/])|\\\\|~[\w.-]*(?=[\\/])|\.{1,2}(?=[\\/])|(?=/\w))"
_WORD = r"(?:\\ |[^\s'\"“”‘’<>(){}\[\],;|])"
_FILE = r"\.(?:nii|gz|dcm|nrrd|csv|tsv|xlsx|json|jsonl|parquet|h5|hdf5|toml|html|png|pdf|npy|txt|safetensors)\b"
_PATHS = re.compile(
    # In quotes, where spaces belong to the path.
    rf"(?P<quote>['\"“‘])[^'\"“”‘’]*[\\/][^'\"“”‘’]*['\"”’]"
    # With a root; a folder may have spaces in its name, so up to the last separator.
    rf"|(?<![\w/\\.~]){_START}{_WORD}+(?:(?: {_WORD}+){{0,3}}?[\\/]{_WORD}*)*"
    # Relative: with backslashes, through a parent folder, or to a file of a known kind.
    rf"|(?<![\w/\\])(?:(?!=){_WORD})*(?:\w\\+\w|[\\/]\.\.|/{_WORD}*{_FILE}){_WORD}*"
)


def hide_paths(text: str, known: Iterable[str | Path] = ()) -> str:
    """`text` with every path in it replaced by `PATH`.

    Parameters
    ----------
    text
        Prose. Absolute and relative paths, ``~user``, URLs, Windows and quoted paths are replaced; ``mg/ml`` is kept.
    known
        Paths to replace in any case, also those without a separator or with spaces.
    """
    for path in sorted({str(each) for each in known} - {"", ".", "/"}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(path)}(?!\w)", HIDDEN, text)
    return _PATHS.sub(_replacement, text)


def _replacement(match: re.Match[str]) -> str:
    text = match[0]
    if match["quote"]:
        return f"{text[0]}{HIDDEN}{text[-1]}"
    return HIDDEN + text[len(text.rstrip(".:")) :]


def hide_command_paths(command: str, downstream: Sequence[tuple[str, Component]] = ()) -> str:
    """`command` with its option names, and only those values that are known not to be paths.

    Parameters
    ----------
    command
        A command line with shell quoting; it begins with the program and the name of the command.
    downstream
        Downstream models by name: the values of their options in ``--set`` are kept.
    """
    settings = {
        f"downstream.{name}.{field}"
        for name, model in downstream
        for field in set(type(model).model_fields) - path_fields(type(model))
    }
    program, name, *words = shlex.split(command)
    shown, option = [Path(program).name, name], ""
    for word in words:
        if _OPTION.match(word):
            option, equals, value = word.partition("=")
            shown.append(option + (equals + _shown_value(option, value, settings) if equals else ""))
        else:
            shown.append(_shown_value(option, word, settings))
            option = ""
    return shlex.join(shown)


def _shown_value(option: str, value: str, settings: set[str]) -> str:
    if option != "--set":
        return value if option in _SHOWN_VALUES and _NAME.fullmatch(value) else HIDDEN
    key, _, setting = value.partition("=")
    is_shown = _NUMBER.fullmatch(setting) or (key in settings and _NAME.fullmatch(setting))
    return f"{key if _NAME.fullmatch(key) else HIDDEN}={setting if is_shown else HIDDEN}"


def without_paths(config: Mapping[str, Any]) -> dict[str, Any]:
    """A `config.json` with `PATH` in place of paths and of values with a path separator."""
    hidden = dict(config)
    for section, kind in _KINDS.items():
        options = config[section] or {}
        paths = path_fields(registry.load(kind, options["name"])) if kind and options else set()
        hidden[section] = {name: _without_path(value, name in paths) for name, value in options.items()} or None
    return hidden


def option_rows(config: Mapping[str, Any]) -> list[list[str]]:
    """Name and value of every option in a `config.json`, without paths."""
    rows = [["seed", str(config["seed"])]]
    for section, options in without_paths(config).items():
        if section in _KINDS:
            values = (options or {}).items()
            rows += [[f"{section}.{name}", "" if value is None else str(value)] for name, value in values]
    return rows


def _without_path(value: Any, is_path: bool) -> Any:
    text = "" if value is None else str(value)
    return HIDDEN if text and (is_path or re.search(r"[\\/]|^~", text)) else value


def path_fields(component: type[Component]) -> set[str]:
    """Names of the options of a component that are declared as paths."""
    return {name for name, field in component.model_fields.items() if "Path" in str(field.annotation)}
