"""Checks of each kind of component."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

from survembed import registry
from survembed.storage.scratch import scratch_folder
from survembed.testing import configuration
from survembed.testing.case import Check, ComponentUnderTest


def checks_of(kind: str) -> dict[str, Check]:
    """The checks of a kind by name, first those for all kinds, then those of this kind.

    Raises
    ------
    ValueError
        If there is no such kind.
    """
    if kind not in registry.KINDS:
        raise ValueError(f"no kind of component named '{kind}': expected one of {', '.join(registry.KINDS)}")
    own: tuple[Check, ...] = import_module(f"survembed.testing.{kind}").CHECKS
    return {check.__name__.replace("_", "-"): check for check in (*configuration.CHECKS, *own)}


def run_check(check: Check, case: ComponentUnderTest) -> None:
    """Run one check, with a folder for its files, which the next check removes if a component ends the process.

    Raises
    ------
    Failed
        If the check does not pass; any other exception comes from the component.
    Skipped
        If the check does not apply.
    """
    with scratch_folder() as folder:
        check(replace(case, folder=folder))
