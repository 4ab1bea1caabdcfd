"""Checks of components of any kind: help texts, import time, round trip through JSON."""

from __future__ import annotations

import json
import subprocess
import sys

from survembed.registry.component import API_VERSION, Component
from survembed.registry.subprocess_runner import environment
from survembed.testing.case import Check, ComponentUnderTest, require

HEAVY = ("torch", "numpy", "pandas", "scipy", "h5py", "sklearn", "sksurv", "lifelines", "matplotlib", "nibabel")
"""Packages to import inside `build` only, because they delay help and completion."""

IMPORT_SECONDS = 5.0
"""Maximum import time."""

PROBE = """
import json, sys, time, warnings
from importlib import import_module
from survembed.testing.case import states_of_process
loaded = {name: dict(vars(module)) for name, module in sys.modules.items() if name != "__main__"}
before, filters, start = states_of_process(), list(warnings.filters), time.perf_counter()
component = getattr(import_module(sys.argv[1]), sys.argv[2])
made = component.configure(sys.argv[2], json.loads(sys.argv[3]))
seconds, after = time.perf_counter() - start, states_of_process()
changed = [name for name, state in before.items() if after[name] != state]
changed += ["the warning filters"] if warnings.filters[:len(filters)] != filters else []
changed += [
    f"{name}.{key}" for name, values in loaded.items() for key, value in values.items()
    if callable(value) and name in sys.modules and vars(sys.modules[name]).get(key) is not value
]
print(json.dumps([seconds, sorted({name.partition(".")[0] for name in sys.modules}), changed]))
"""


def described(case: ComponentUnderTest) -> None:
    """The docstring has a first line, and every option has a help text."""
    component = case.component
    require(
        issubclass(component, Component),
        f"{component.__name__} is not a subclass of survembed.registry.component.Component",
    )
    require(component.summary(), f"{component.__name__} has no docstring; its first line is the summary in every list")
    silent = [name for name, field in component.model_fields.items() if not field.description]
    require(not silent, f"no help for {', '.join(silent)}: declare options with survembed.registry.component.option")
    require(callable(getattr(component, "build", None)), f"{component.__name__} has no build()")


def api_version(case: ComponentUnderTest) -> None:
    """The plugin states the version of its plugin interface itself; an inherited version would match any."""
    named = any("api_version" in vars(each) for each in case.component.__mro__ if each is not Component)
    require(named or case.own, f"no api_version: write `api_version: ClassVar[int] = {API_VERSION}` into the class")
    require(
        case.component.api_version == API_VERSION,
        f"written for plugin interface {case.component.api_version}, this is {API_VERSION}",
    )


def light(case: ComponentUnderTest) -> None:
    """Importing and configuring it in a subprocess imports no torch, NumPy or other heavy package.

    It changes no global state and replaces no function of another module either.
    """
    component = case.component
    values = json.dumps(case.values(), default=str)
    probe = [sys.executable, "-P", "-c", PROBE, component.__module__, component.__qualname__, values]
    try:
        done = subprocess.run(
            probe, capture_output=True, text=True, env=environment(), timeout=4 * IMPORT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        require(False, f"importing {component.__module__} takes more than {4 * IMPORT_SECONDS:g} s")
        return
    messages = done.stderr.strip().splitlines()
    require(
        done.returncode == 0 and done.stdout,
        f"it cannot be imported by itself: {messages[-1] if messages else f'its process ended with {done.returncode}'}",
    )
    seconds, loaded, changed = json.loads(done.stdout.splitlines()[-1])
    heavy = sorted(set(HEAVY) & set(loaded))
    require(not heavy, f"importing {component.__module__} imports {', '.join(heavy)}: import them inside build()")
    require(not changed, f"importing {component.__module__} changes {', '.join(changed[:3])}")
    require(seconds < IMPORT_SECONDS, f"importing {component.__module__} takes {seconds:.1f} s")


def survives_json(case: ComponentUnderTest) -> None:
    """Options are equal after a round trip through JSON, as in the record of a run."""
    made = case.make()
    text = json.dumps(made.model_dump(mode="json"), allow_nan=False)
    again = case.component.configure(case.component.__name__, json.loads(text))
    require(again == made, f"its options differ after a round trip through JSON: {text}")
    require(hash(made) == hash(again), "equal options have different hashes")


CHECKS: tuple[Check, ...] = (described, api_version, light, survives_json)
