"""Shell completion: Typer's own, made soon and without a word about whatever goes wrong."""

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
"""What the shell's script sets to ask for completions."""

PATIENCE = 2.0
"""Seconds after which a shell gets no answer: a model's options may be those of a plugin that is slow to import."""


def asked() -> bool:
    """Whether a shell asks for completions."""
    return VARIABLE in os.environ


def quietly(work: Callable[[], object]) -> None:
    """Do `work`, which answers on stdout, and end the process; stderr stays empty, whatever a plugin says or raises.

    What the process does not need to answer is left out: collecting garbage, looking for pydantic's plugins (they come
    with a parser for e-mails), checking the values of options, tidying up at its end.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # this process does nothing else
    gc.disable()
    plugins = ModuleType("pydantic.plugin._loader")
    plugins.get_plugins = tuple  # type: ignore[attr-defined]
    sys.modules.setdefault(plugins.__name__, plugins)
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # Typer imports it only to strip markup off help
    for kind in TyperOption, TyperArgument:  # to check a value Typer imports pydantic
        kind.process_value = _as_typed  # type: ignore[method-assign]
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    code = 0
    try:
        work()
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 0
    except BaseException:
        code = 1
    sys.stdout.flush()
    os._exit(code)


def _as_typed(self: Any, ctx: Any, value: Any) -> Any:
    return value
