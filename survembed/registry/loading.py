"""Import components, and report why one cannot be used."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from survembed.errors import PluginError, UsageError
from survembed.registry import plugin_path
from survembed.registry.entry_points import KINDS, ComponentEntry, find
from survembed.registry.foreign_code import contained, description, raised_by_plugin

if TYPE_CHECKING:
    from survembed.registry.component import Component


@dataclass(frozen=True)
class ExaminedComponent:
    """Result of importing a component.

    Attributes
    ----------
    entry
        Its metadata.
    state
        `ok`; `broken`; `incompatible` (written for another version of the plugin interface); `duplicate` (usable, but
        another package has its bare name too).
    reason
        Why it is not `ok`; else empty.
    component
        The class; None if it cannot be used.
    """

    entry: ComponentEntry
    state: Literal["ok", "broken", "incompatible", "duplicate"]
    reason: str = ""
    component: type[Component] | None = None

    @property
    def text(self) -> str:
        """The summary of the component, or the reason why it is not `ok`."""
        return self.reason or (self.component.summary() if self.component else "")


def load(kind: str, name: str, *, where: str | None = None) -> type[Component]:
    """The class of the component with this `name`; its module is imported.

    Parameters
    ----------
    kind, name, where
        As for `find`.

    Raises
    ------
    PluginError
        As for `find`, and if the component is broken or incompatible, with the reason.
    """
    examined = examine(find(kind, name, where=where))
    if examined.component is None:
        entry = examined.entry
        raise PluginError(
            f"the {KINDS[kind]} '{entry.name}' of {entry.distribution} is {examined.state}: {examined.reason}",
            where=where or entry.value,
            expected=f"{entry.value} to be a component that this version of survembed can load",
            try_=f"unset {plugin_path.VARIABLE}, or correct it in {entry.folder}"
            if entry.folder
            else f"pip install --upgrade {entry.package}, or pip uninstall {entry.package}",
        )
    return examined.component


def examine(entry: ComponentEntry) -> ExaminedComponent:
    """Import the class of `entry`; a failure becomes the state of the result.

    A plugin is imported with a time limit and without effects on this process; see `foreign_code.contained`.
    """
    try:
        limits = nullcontext() if entry.builtin else contained(entry.root, f"the import of {entry.distribution}")
        with limits:
            return _examined(entry, _import(entry))
    except BaseException as error:  # a plugin can raise anything
        is_by_user = isinstance(error, KeyboardInterrupt) and not raised_by_plugin(error)
        if is_by_user or isinstance(error, UsageError):  # of the time limit
            raise
        return ExaminedComponent(entry, "broken", description(error))


def _examined(entry: ComponentEntry, loaded: Any) -> ExaminedComponent:
    from survembed.registry.component import API_VERSION, Component

    def broken(reason: str) -> ExaminedComponent:
        return ExaminedComponent(entry, "broken", reason)

    if not (isinstance(loaded, type) and issubclass(loaded, Component)):
        return broken(f"{entry.value} is not a subclass of survembed.registry.component.Component")
    version = loaded.api_version
    if type(version) is not int:
        return broken(f"its api_version is of the type {type(version).__name__}, not an integer")
    if version != API_VERSION:
        reason = f"written for plugin interface {version}, this is {API_VERSION}"
        return ExaminedComponent(entry, "incompatible", reason)
    if not callable(getattr(loaded, "build", None)):
        return broken(f"{entry.value} has no build()")
    if not isinstance(loaded.summary(), str):
        return broken(f"{entry.value} has a summary() that is no text")
    return ExaminedComponent(entry, "ok", component=loaded)


def summary_from_source(entry: ComponentEntry) -> str:
    """First docstring line of a component, read from its source; empty if there is none.

    Only the parent packages of the module are imported: help shows the line and must not wait for pydantic.
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


def _import(entry: ComponentEntry) -> Any:
    from importlib import import_module

    if entry.folder and entry.folder not in sys.path:
        sys.path.insert(0, entry.folder)
    module, _, attribute = entry.value.partition(":")
    loaded: Any = import_module(module.strip())
    for part in filter(None, attribute.strip().split(".")):
        loaded = getattr(loaded, part)
    return loaded
