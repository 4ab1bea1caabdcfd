"""A component under test, and the form of a check."""

from __future__ import annotations

import json
import locale
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from survembed.registry.component import Component

Options = Mapping[str, Any] | Callable[[Path], Mapping[str, Any]]
"""Options, or a function that writes files to a given empty folder and returns options with their paths."""


class Failed(AssertionError):  # noqa: N818 - as pytest says it
    """A check did not pass, and why."""


class Skipped(Exception):  # noqa: N818 - nothing is wrong
    """A check does not apply, and why."""


def require(condition: object, reason: str) -> None:
    """Fail with `reason` unless `condition` holds; `python -O` removes `assert`."""
    if not condition:
        raise Failed(reason)


@dataclass(frozen=True)
class ComponentUnderTest:
    """A component under test.

    Attributes
    ----------
    kind, component, options, changed, same
        As for `survembed.testing.conformance`.
    folder
        For the files of one check; removed after it.
    """

    kind: str
    component: type[Component]
    options: Options
    changed: Options | None = None
    same: Options | None = None
    folder: Path = Path()

    def values(self, options: Options | None = None) -> dict[str, Any]:
        """The options (by default `self.options`), with their files written to a folder of their own."""
        chosen = self.options if options is None else options
        return dict(chosen(Path(tempfile.mkdtemp(dir=self.folder))) if callable(chosen) else chosen)

    def make(self, options: Options | None = None) -> Component:
        """The component, configured by `options` (by default `self.options`)."""
        return self.component.configure(self.component.__name__, self.values(options))

    @property
    def own(self) -> bool:
        """Whether it is a component of survembed."""
        return self.component.__module__.startswith("survembed.")


Check = Callable[[ComponentUnderTest], None]


@contextmanager
def no_trace(what: str, *, torch_draws: bool = False) -> Iterator[None]:
    """Fail if the block changes a global state of the caller.

    Parameters
    ----------
    what
        Description of the block, for the message.
    torch_draws
        Whether the block may draw from torch's generator, which callers seed and restore.
    """
    before = _states(torch_draws)
    yield
    after = _states(torch_draws)
    changed = [name for name, state in before.items() if after.get(name, state) != state]
    require(not changed, f"{what} changes {' and '.join(changed)}")


def states_of_process() -> dict[str, Any]:
    """States of the process that a plugin must leave alone, by name; imports no NumPy."""
    mask = os.umask(0)
    os.umask(mask)
    return {
        "Python's random state": random.getstate(),
        "the working directory": str(Path.cwd()),
        "the environment": json.dumps(dict(os.environ)),
        "the umask": mask,
        "the locale": locale.setlocale(locale.LC_ALL),
        "the signal handlers": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
    }


def _states(torch_draws: bool) -> dict[str, Any]:
    import numpy as np

    states: dict[str, Any] = {
        **states_of_process(),
        "NumPy's global random state": str(np.random.get_state()),
        "NumPy's error handling": np.geterr(),
    }
    torch = sys.modules.get("torch")  # most datasets do not need it, and its import takes seconds
    if torch:
        states["torch's default dtype"] = torch.get_default_dtype()
        states["torch's number of threads"] = torch.get_num_threads()
        states["whether torch keeps gradients"] = torch.is_grad_enabled()
        if not torch_draws:
            states["torch's global random state"] = torch.random.get_rng_state().tolist()
    return states
