"""Components by kind and name, from the entry points of all installed packages; no component is imported."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from survembed.errors import PluginError, corrected, nearest, printable
from survembed.registry import plugin_path

KINDS = {
    "datasets": "dataset",
    "models": "model",
    "heads": "head",
    "downstream": "downstream model",
    "segmenters": "segmenter",
    "trackers": "tracker",
}
"""Singular noun by kind of component; the entry-point group is `survembed.KIND`."""

OWN_PACKAGE = "survembed"

GROUPS = {f"{OWN_PACKAGE}.{kind}": kind for kind in KINDS}
"""Kind by entry-point group."""


@dataclass(frozen=True)
class ComponentEntry:
    """Metadata of one component; nothing is imported.

    Attributes
    ----------
    kind
        A key of `KINDS`.
    name
        Name of the entry point.
    package, version
        The distribution that declares it.
    value
        Location of the class: `module:attribute`.
    folder
        Import folder of a package that is not installed; else empty.
    """

    kind: str
    name: str
    package: str
    version: str
    value: str
    folder: str = ""

    @property
    def builtin(self) -> bool:
        """Whether survembed itself declares it."""
        return self.package == OWN_PACKAGE

    @property
    def root(self) -> str:
        """Top-level module of the class."""
        return self.value.strip().partition(":")[0].partition(".")[0]

    @property
    def qualified(self) -> str:
        """``package:name``, which is never ambiguous."""
        return f"{self.package}:{self.name}"

    @property
    def distribution(self) -> str:
        """Package and version for display: `survembed-flow 0.1.0`, or `survembed-flow 0.1.0 (not installed)`."""
        return f"{self.package} {self.version_shown}".strip()

    @property
    def version_shown(self) -> str:
        """The version, marked if the package is not installed."""
        return f"{self.version} (not installed)".strip() if self.folder else self.version


def entries(kind: str) -> list[ComponentEntry]:
    """All components of a kind from the selected packages: those of survembed first, then by name.

    Raises
    ------
    PluginError
        If `SURVEMBED_PLUGIN_PATH` names a folder without a package.
    """
    declared = _declared(tuple(sys.path), os.environ.get(plugin_path.VARIABLE, ""))
    return [entry for entry in declared if entry.kind == kind and _is_selected(entry)]


def names(kind: str) -> list[str]:
    """Names of all components of a kind: bare, or `package:name` if another package has the bare name too."""
    found = entries(kind)
    return [entry.qualified if _rivals(entry, found) else entry.name for entry in found]


def find(kind: str, name: str, *, where: str | None = None) -> ComponentEntry:
    """The component with this `name`, bare or `package:name`; a bare name prefers a component of survembed.

    Parameters
    ----------
    kind
        A key of `KINDS`.
    name
        As the user entered it.
    where
        Source of the name for the error message: a command line, or a line of a file.

    Raises
    ------
    PluginError
        If no component has the name (the nearest is suggested), or two packages have it (both are listed).
    """
    found = entries(kind)
    package, _, bare = name.rpartition(":")
    matches = [entry for entry in found if entry.name == bare and package in ("", entry.package)]
    matches = [entry for entry in matches if entry.builtin] or matches
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise unknown_name_error(KINDS[kind], name, names(kind), where)
    raise PluginError(
        f"{len(matches)} packages offer a {KINDS[kind]} named '{name}': "
        + " and ".join(entry.distribution for entry in matches),
        where=where,
        expected=f"one of {', '.join(entry.qualified for entry in matches)}",
        try_=corrected(where, name, matches[0].qualified),
    )


def unknown_name_error(noun: str, name: str, available: Sequence[str], where: str | None) -> PluginError:
    """The error for a name that no component has; the remedy is the nearest of `available`, inserted into `where`."""
    close = nearest(name, available)
    return PluginError(
        f"no {noun} named '{name}'",
        where=where,
        expected=f"one of {', '.join(available)}" if available else f"{OWN_PACKAGE} to be installed: pip install -e .",
        try_=corrected(where, name, close) if close else "survembed plugins list",
    )


def duplicate_reason(entry: ComponentEntry) -> str:
    """Why the bare name does not select `entry`; empty if it does."""
    rivals = _rivals(entry, entries(entry.kind))
    packages = " and ".join(rival.package for rival in rivals)
    return f"{packages} has this name too: use {entry.qualified}" if rivals else ""


def _rivals(entry: ComponentEntry, found: list[ComponentEntry]) -> list[ComponentEntry]:
    """Components of other packages with the same bare name; none for a component of survembed, which has priority."""
    if entry.builtin:
        return []
    return [other for other in found if other.name == entry.name and other.package != entry.package]


def _is_selected(entry: ComponentEntry) -> bool:
    selected = os.environ.get("SURVEMBED_PLUGINS", "").strip()
    return entry.builtin or not selected or entry.package in {_normalized(name) for name in selected.split(",")}


@lru_cache(maxsize=1)  # one command calls it several times; a changed path is read again
def _declared(path: tuple[str, ...], source_folders: str) -> tuple[ComponentEntry, ...]:
    found: dict[tuple[str, str, str], ComponentEntry] = {}
    sources = list(_source_entries(source_folders))
    replaced = {entry.package for entry in sources}
    for entry in (*sources, *(entry for entry in _installed_entries(path) if entry.package not in replaced)):
        found.setdefault((entry.kind, entry.package, entry.name), entry)  # the first on the path wins, as for import
    return tuple(sorted(found.values(), key=lambda entry: (not entry.builtin, entry.name, entry.package)))


def _installed_entries(path: tuple[str, ...]) -> Iterator[ComponentEntry]:
    """Components of installed packages, one package at a time, so that damaged metadata hide no other package."""
    from importlib_metadata import distributions

    for package in distributions(path=list(path)):
        try:
            declared = [point for point in package.entry_points if point.group in GROUPS]
            if declared:  # the header is slower to read than the entry points
                header = _header(package.read_text("METADATA") or package.read_text("PKG-INFO") or "")
                name, version = _normalized(header["Name"]), header["Version"]
        except Exception:  # noqa: S112 - pip reports damaged metadata
            continue
        for point in declared:
            yield _entry(point.group, point.name, name, version, point.value)


def _header(metadata: str) -> dict[str, str]:
    """Single-line fields at the top of package metadata; a full parse would import `email`, which is slow."""
    lines = metadata.partition("\n\n")[0].splitlines()
    return dict(line.split(": ", 1) for line in lines if re.match(r"\w[\w-]*: ", line))


def _source_entries(folders: str) -> Iterator[ComponentEntry]:
    for source in plugin_path.source_packages(folders):
        package = _normalized(source.name)
        for group, points in source.entry_points.items():
            for name, value in points.items():
                if group in GROUPS and package != OWN_PACKAGE:  # no package may replace survembed
                    yield _entry(group, name, package, source.version, value, source.folder)


def _entry(group: str, *texts: str) -> ComponentEntry:
    """An entry of a group; its texts are printed in lists and help, and so without control characters."""
    return ComponentEntry(GROUPS[group], *map(printable, texts))


def _normalized(name: str) -> str:
    """Package name in the normal form of package indexes."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
