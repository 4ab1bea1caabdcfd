"""Shell completion: Typer's own, made soon and without a word about whatever goes wrong."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from typer.core import TyperArgument, TyperOption

VARIABLE = "_SURVEMBED_COMPLETE"
"""What the shell's script sets to ask for completions."""

PATIENCE = 2.0
"""Seconds after which a shell gets no answer: a model's options may be those of a plugin that is slow to import."""


def asked() -> bool:
    """Whether a shell asks for completions."""
    return VARIABLE in os.environ


def quietly(work: Callable[[], object]) -> int:
    """Do `work`, which answers on stdout; stderr stays empty, whatever a plugin says or raises. The exit code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # this process does nothing else
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # Typer imports it only to strip markup off help
    for kind in TyperOption, TyperArgument:  # no value is used; to check them Typer imports pydantic
        kind.process_value = _as_typed  # type: ignore[method-assign]
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        work()
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 0
    except BaseException:
        return 1
    return 0


def _as_typed(self: Any, ctx: Any, value: Any) -> Any:
    return value
