"""The kit with which a third party checks a plugin, and we our own.

In a test module of the plugin::

    from survembed.testing import conformance
    from survembed_flow import FlowVAE

    test_contract = conformance("models", FlowVAE)

makes one test of each check. `survembed plugins check NAME` runs the same checks in a process of its own, without
pytest. What is checked is what the docstrings of `Component`, `Source`, `Model`, `Head`, `SurvivalEstimator`,
`Segmenter` and `Tracker` promise; each check says in its own docstring what it wants.
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
        The class; it stands in a module, as an entry point would name it.
    options
        Its options for the checks, or a function that takes an empty folder, writes files into it and gives options
        that name them. The defaults where not given.
    changed
        For datasets, which need it: options, or a function as before, with which the cohort is another one. The kit
        wants another fingerprint.
    same
        For datasets: options, or a function, with which the cohort is the same. The kit wants the same fingerprint.
        Where it is not given, that of `options` written to another folder is taken.
    expected_failures
        Checks that are known to fail, each with the reason. One that passes nevertheless is a failed test.

    Raises
    ------
    ValueError
        When the kind or a check is unknown, a reason is empty, or a dataset has no `changed`.
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
        raise ValueError("changed= is missing: options, or a function, with which the cohort is another one")
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
