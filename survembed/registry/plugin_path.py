"""Plugins tried without being installed: folders with a `pyproject.toml`, named by `SURVEMBED_PLUGIN_PATH`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from survembed.errors import PluginError

VARIABLE = "SURVEMBED_PLUGIN_PATH"


@dataclass(frozen=True)
class SourcePackage:
    """What the `pyproject.toml` of a package says.

    Attributes
    ----------
    name, version
        Of the package; an empty version where its build decides it.
    folder
        From which its modules are imported: `src`, where there is one, or that of `pyproject.toml`.
    entry_points
        `module:attribute` by name, by group.
    """

    name: str
    version: str
    folder: str
    entry_points: dict[str, dict[str, str]]


def source_packages(folders: str) -> list[SourcePackage]:
    """The packages in `folders`, as `SURVEMBED_PLUGIN_PATH` has them: separated as in `PATH`. Nothing is imported.

    Raises
    ------
    PluginError
        When a folder has no `pyproject.toml` that names a package: the user has asked for it.
    """
    return [_read(Path(folder).expanduser()) for folder in folders.split(os.pathsep) if folder.strip()]


def _read(folder: Path) -> SourcePackage:
    import tomllib

    path = folder / "pyproject.toml"
    try:
        project: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        name, points = str(project["name"]), project.get("entry-points", {})
        declared = {group: {each: str(value) for each, value in names.items()} for group, names in points.items()}
    except OSError as error:
        raise _wrong(folder, f"cannot read {path}: {error.strerror or error}") from error
    except (KeyError, AttributeError, TypeError) as error:
        raise _wrong(folder, f"{path} names no package: {error}") from error
    except ValueError as error:  # TOML, or UTF-8
        raise _wrong(folder, f"{path} is not TOML: {error}") from error
    source = folder / "src"
    return SourcePackage(
        name, str(project.get("version", "")), str((source if source.is_dir() else folder).resolve()), declared
    )


def _wrong(folder: Path, message: str) -> PluginError:
    return PluginError(
        message,
        where=f"{VARIABLE}={folder}",
        expected="folders of source packages, each with its pyproject.toml",
        try_=f"unset {VARIABLE}",
    )
