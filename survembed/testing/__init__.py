"""Conformance tests for plugins and for the components of survembed.

In a test module of the plugin::

    from survembed.testing import conformance
    from survembed_flow import FlowVAE

    test_contract = conformance("models", FlowVAE)

creates one test per check. `survembed plugins check NAME` runs the same checks in a subprocess, without pytest. They
verify the docstrings of `Component`, `Source`, `Model`, `Head`, `SurvivalEstimator`, `Segmenter` and `Tracker`; the
docstring of each check states its requirement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from survembed.testing.case import ComponentUnderTest, Options, Skipped
from survembed.testing.checks import checks_of, run_check

if TYPE_CHECKING:
    from survembed.registry.component import Component

__all__ = ["conformance"]


def conformance(
    kind: str,
    component: type[Component],
    *,
    options: Options | None = None,
    changed: Options | None = None,
    same: Options | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> Callable[[str], None]:
    """A test function for pytest, with one test for each check of the kind.

    Parameters
    ----------
    kind
        A key of `registry.KINDS`: `datasets`, `models`, `heads`, `downstream`, `segmenters` or `trackers`.
    component
        The class; it must be an attribute of a module.
    options
        Its options for the checks, or a function that writes files to a given empty folder and returns options with
        their paths. Defaults to the default options.
    changed
        Required for datasets: options, or such a function, that give a different cohort; its fingerprint must differ.
    same
        For datasets: options, or such a function, that give the same cohort; its fingerprint must be equal. Defaults
        to `options` with files in another folder.
    expected_failures
        Reasons by check that is known to fail. If such a check passes, the test fails.

    Raises
    ------
    ValueError
        If the kind or a check is unknown, a reason is empty, or a dataset has no `changed`.
    """
    import pytest

    checks = checks_of(kind)
    failures = dict(expected_failures or {})
    unknown = sorted(set(failures) - set(checks))
    if unknown:
        raise ValueError(f"no check '{unknown[0]}' for {kind}: expected one of {', '.join(checks)}")
    if not all(reason.strip() for reason in failures.values()):
        raise ValueError("an expected failure needs a reason")
    if kind == "datasets" and changed is None:
        raise ValueError("changed= is missing: options, or a function, that give a different cohort")
    case = ComponentUnderTest(kind, component, options or {}, changed, same)

    def marks(name: str) -> list[Any]:
        return [pytest.mark.xfail(reason=failures[name], strict=True)] if name in failures else []

    @pytest.mark.parametrize("check", [pytest.param(name, id=name, marks=marks(name)) for name in checks])
    def test_contract(check: str) -> None:
        try:
            run_check(checks[check], case)
        except Skipped as reason:
            pytest.skip(str(reason))

    return test_contract
