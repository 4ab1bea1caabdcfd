"""Shell completion by Typer, with a short start-up time and no output of errors."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from typer.core import TyperArgument, TyperOption

VARIABLE = "_SURVEMBED_COMPLETE"
"""Environment variable by which the shell script requests completions."""

TIMEOUT = 2.0
"""Seconds after which completion gives up; a plugin may be slow to import."""


def requested() -> bool:
    """Whether a shell requests completions."""
    return VARIABLE in os.environ


def complete_and_exit(work: Callable[[], object]) -> None:
    """Run `work`, which prints completions, and end the process; stderr stays empty, even if a plugin fails.

    To save time, the process skips garbage collection, the search for pydantic plugins, the validation of option
    values and the clean-up at exit.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the process only completes
    gc.disable()
    plugins = ModuleType("pydantic.plugin._loader")
    plugins.get_plugins = tuple  # type: ignore[attr-defined]  # a module made here
    sys.modules.setdefault(plugins.__name__, plugins)
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # Typer needs it only to remove markup from help
    for parameter in TyperOption, TyperArgument:  # Typer imports pydantic to validate a value
        parameter.process_value = _unvalidated  # type: ignore[method-assign]  # for this process only
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
        signal.setitimer(signal.ITIMER_REAL, TIMEOUT)
    code = 0
    try:
        work()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:
        code = 1
    sys.stdout.flush()
    os._exit(code)


def _unvalidated(self: Any, ctx: Any, value: Any) -> Any:
    return value
