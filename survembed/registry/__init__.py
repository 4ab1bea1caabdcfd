"""The registry: components by kind and name, from the entry points of all installed packages.

Three stages keep `--help` fast and isolate broken plugins: *names* come from metadata, without an import (`find`,
`names`); *configuration* imports one light module (`load`); *the object* comes from `build` of the component.
`subprocess_runner` tests in a separate process whether a plugin works.

Two environment variables select packages. `SURVEMBED_PLUGINS`: unset for all, `none` for survembed alone, or names of
packages separated by commas. `SURVEMBED_PLUGIN_PATH`: source folders of plugins that are not installed; they take
precedence over an installed package of the same name.
"""

from __future__ import annotations

from survembed.registry.entry_points import (
    KINDS,
    ComponentEntry,
    duplicate_reason,
    entries,
    find,
    names,
    unknown_name_error,
)
from survembed.registry.loading import ExaminedComponent, examine, load, summary_from_source

__all__ = [
    "KINDS",
    "ComponentEntry",
    "ExaminedComponent",
    "duplicate_reason",
    "entries",
    "examine",
    "find",
    "load",
    "names",
    "summary_from_source",
    "unknown_name_error",
]
