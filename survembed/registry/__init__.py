"""The registry: components by kind and name, from the entry points of every installed package.

Three stages, so that help stays fast and a bad plugin harms nobody: *names* come from metadata and import nothing;
*configuration* imports one light module, guarded; *the thing* comes from the component's `build`. This is the only
file that reads entry points. Whether a plugin works is found out in a process of its own: see `apart.py`.

Two variables decide who is let in. `SURVEMBED_PLUGINS`: unset lets every package in, `none` only ours, and a comma
list only those packages. `SURVEMBED_PLUGIN_PATH`: source folders whose plugins are tried without being installed; such
a package goes before an installed one of the same name.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from survembed.errors import PluginError, corrected, nearest
from survembed.registry import plugin_path

if TYPE_CHECKING:
    from survembed.registry.component import Component

KINDS = {
    "datasets": "dataset",
    "models": "model",
    "heads": "head",
    "downstream": "downstream model",
    "segmenters": "segmenter",
    "trackers": "tracker",
}
"""Kinds of component, each with the words for one of it; the entry-point group is `survembed.KIND`."""

OWN = "survembed"

GROUPS = {f"{OWN}.{kind}": kind for kind in KINDS}
"""Kind by entry-point group."""

State = Literal["ok", "broken", "incompatible", "duplicate"]


@dataclass(frozen=True)
class Entry:
    """What the metadata of a package say of one component; nothing is imported for it.

    Attributes
    ----------
    kind
        A key of `KINDS`.
    name
        As declared by the package.
    package, version
        The distribution that declares it.
    value
        Where the class stands: `module:attribute`.
    folder
        From which it is imported, for a package that is tried without being installed; else empty.
    """

    kind: str
    name: str
    package: str
    version: str
    value: str
    folder: str = ""

    @property
    def builtin(self) -> bool:
        """Whether it is one of ours."""
        return self.package == OWN

    @property
    def qualified(self) -> str:
        """Package and name with a colon between, which is never ambiguous."""
        return f"{self.package}:{self.name}"

    @property
    def distribution(self) -> str:
        """Package and version, for words: `survembed-flow 0.1.0`, or `survembed-flow 0.1.0 (not installed)`."""
        return f"{self.package} {self.version_shown}".strip()

    @property
    def version_shown(self) -> str:
        """The version; it says so where the package is not installed."""
        return f"{self.version} (not installed)".strip() if self.folder else self.version


@dataclass(frozen=True)
class Examined:
    """What importing an entry showed.

    Attributes
    ----------
    entry
        The entry.
    state
        `ok`; `broken`; `incompatible` (written for another plugin interface); `duplicate` (it works, but its bare
        name is taken).
    reason
        Why it is not `ok`; empty where it is.
    component
        The class; None where it cannot be used.
    """

    entry: Entry
    state: State
    reason: str = ""
    component: type[Component] | None = None


def entries(kind: str) -> list[Entry]:
    """Every component of a kind that is declared and let in: ours first, then by name.

    Raises
    ------
    PluginError
        When `SURVEMBED_PLUGIN_PATH` names a folder that holds no package.
    """
    declared = _declared(tuple(sys.path), os.environ.get(plugin_path.VARIABLE, ""))
    return [entry for entry in declared if entry.kind == kind and _let_in(entry)]


def names(kind: str) -> list[str]:
    """Every name by which a component of a kind can be asked for: bare, or `package:name` where the bare one is taken.

    Nothing is imported.
    """
    found = entries(kind)
    return [entry.qualified if _rivals(entry, found) else entry.name for entry in found]


def find(kind: str, name: str, *, where: str | None = None) -> Entry:
    """The entry that `name` (bare or `package:name`) means; nothing is imported.

    A bare name of ours is always ours, whatever else is installed.

    Parameters
    ----------
    kind
        A key of `KINDS`.
    name
        What the user typed.
    where
        What the user typed it into, for the error: a command line, or a line of a file.

    Raises
    ------
    PluginError
        When nothing has the name (the nearest is offered), or two packages have it (both are named).
    """
    found = entries(kind)
    package, _, bare = name.rpartition(":")
    matches = [entry for entry in found if entry.name == bare and package in ("", entry.package)]
    ours = [entry for entry in matches if entry.builtin]
    if len(ours or matches) == 1:
        return (ours or matches)[0]

    if not matches:
        raise unknown(KINDS[kind], name, names(kind), where)
    raise PluginError(
        f"{len(matches)} packages offer a {KINDS[kind]} named '{name}': "
        + " and ".join(entry.distribution for entry in matches),
        where=where,
        expected=f"one of {', '.join(entry.qualified for entry in matches)}",
        try_=corrected(where, name, matches[0].qualified),
    )


def unknown(what: str, name: str, known: Sequence[str], where: str | None) -> PluginError:
    """The error for a name that nothing has: the nearest of `known` is offered, in place where `where` holds `name`."""
    close = nearest(name, known)
    return PluginError(
        f"no {what} named '{name}'",
        where=where,
        expected=f"one of {', '.join(known)}" if known else f"{OWN} to be installed: pip install -e .",
        try_=corrected(where, name, close) if close else "survembed plugins list",
    )


def load(kind: str, name: str, *, where: str | None = None) -> type[Component]:
    """The component class that `name` means; its module is imported, guarded.

    Parameters
    ----------
    kind, name, where
        As for `find`.

    Raises
    ------
    PluginError
        As for `find`, and when the component is broken or incompatible, with the reason.
    """
    examined = examine(find(kind, name, where=where))
    if examined.component is None:
        entry = examined.entry
        raise PluginError(
            f"the {KINDS[kind]} '{entry.name}' of {entry.distribution} is {examined.state}: {examined.reason}",
            where=where or entry.value,
            expected=f"{entry.value} to be a component that this version of survembed can load",
            try_=f"unset {plugin_path.VARIABLE}, or mend it in {entry.folder}"
            if entry.folder
            else f"pip install --upgrade {entry.package}, or pip uninstall {entry.package}",
        )
    return examined.component


def written_summary(entry: Entry) -> str:
    """The first line of a component's docstring as its source has it; empty where there is none to be read.

    Nothing is imported but the packages above the module: help shows it, and must not wait for pydantic.
    """
    import ast
    from importlib.util import find_spec

    module, _, name = entry.value.partition(":")
    spec = find_spec(module)
    if spec is None or spec.origin is None or not spec.has_location:
        return ""
    classes = (node for node in ast.parse(Path(spec.origin).read_text("utf-8")).body if isinstance(node, ast.ClassDef))
    docstrings = (ast.get_docstring(node) for node in classes if node.name == name)
    return next(filter(None, docstrings), "").partition("\n")[0]


def examine(entry: Entry) -> Examined:
    """Import what `entry` names and say what is wrong with it; never raises on account of a plugin.

    What the module prints while it is imported goes to stderr: stdout is for results.
    """
    from survembed.registry.component import API_VERSION, Component

    try:
        with redirect_stdout(sys.stderr):
            loaded = _import(entry)
    except (Exception, SystemExit) as error:  # a plugin may raise anything; KeyboardInterrupt is the user's
        return Examined(entry, "broken", f"{type(error).__name__}: {error}".splitlines()[0])
    if not (isinstance(loaded, type) and issubclass(loaded, Component)):
        return Examined(entry, "broken", f"{entry.value} is no subclass of survembed.registry.component.Component")
    if loaded.api_version != API_VERSION:
        return Examined(
            entry, "incompatible", f"written for plugin interface {loaded.api_version}, this is {API_VERSION}"
        )
    if not callable(getattr(loaded, "build", None)):
        return Examined(entry, "broken", f"{entry.value} has no build()")
    return Examined(entry, "ok", component=loaded)


def why_duplicate(entry: Entry) -> str:
    """Why `entry` cannot be meant by its bare name, and by which it can; empty where it can."""
    rivals = _rivals(entry, entries(entry.kind))
    taken = " and ".join(rival.package for rival in rivals)
    return f"{taken} has this name too: ask for {entry.qualified}" if rivals else ""


def _rivals(entry: Entry, found: list[Entry]) -> list[Entry]:
    """The entries for whose sake `entry` cannot be meant by its bare name."""
    if entry.builtin:
        return []
    return [other for other in found if other.name == entry.name and other.package != entry.package]


def _let_in(entry: Entry) -> bool:
    chosen = os.environ.get("SURVEMBED_PLUGINS", "").strip()
    if entry.builtin or not chosen:
        return True
    return entry.package in {_normalized(name) for name in chosen.split(",")}


def _import(entry: Entry) -> Any:
    from importlib import import_module

    if entry.folder and entry.folder not in sys.path:
        sys.path.insert(0, entry.folder)
    module, _, attribute = entry.value.partition(":")
    loaded: Any = import_module(module.strip())
    for part in filter(None, attribute.strip().split(".")):
        loaded = getattr(loaded, part)
    return loaded


@lru_cache(maxsize=1)  # one command asks several times; a changed path asks anew
def _declared(path: tuple[str, ...], tried: str) -> tuple[Entry, ...]:
    found: dict[tuple[str, str, str], Entry] = {}
    sources = list(_read_sources(tried))
    replaced = {entry.package for entry in sources}
    for entry in (*sources, *(entry for entry in _read(path) if entry.package not in replaced)):
        found.setdefault((entry.kind, entry.package, entry.name), entry)  # the first on the path wins, as for import
    return tuple(sorted(found.values(), key=lambda entry: (not entry.builtin, entry.name, entry.package)))


def _read(path: tuple[str, ...]) -> Iterator[Entry]:
    """Each package is read by itself, so that one with damaged metadata hides no other."""
    from importlib_metadata import distributions

    for package in distributions(path=list(path)):
        try:
            declared = [point for point in package.entry_points if point.group in GROUPS]
            if declared:  # the header costs more to read than the entry points
                header = _header(package.read_text("METADATA") or package.read_text("PKG-INFO") or "")
                name, version = _normalized(header["Name"]), header["Version"]
        except Exception:  # noqa: S112 - damaged metadata: pip is the tool that reports them
            continue
        for point in declared:
            yield Entry(GROUPS[point.group], point.name, name, version, point.value)


def _header(metadata: str) -> dict[str, str]:
    """The fields of one line at the top of a package's metadata: to parse all of it imports `email`, which is slow."""
    lines = metadata.partition("\n\n")[0].splitlines()
    return dict(line.split(": ", 1) for line in lines if re.match(r"\w[\w-]*: ", line))


def _read_sources(folders: str) -> Iterator[Entry]:
    for source in plugin_path.source_packages(folders) if folders else ():
        package = _normalized(source.name)
        for group, points in source.entry_points.items():
            for name, value in points.items():
                if group in GROUPS and package != OWN:  # nobody takes our place
                    yield Entry(GROUPS[group], name, package, source.version, value, source.folder)


def _normalized(name: str) -> str:
    """A package's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
