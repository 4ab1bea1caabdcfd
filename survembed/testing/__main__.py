"""Subprocess that imports and checks plugins: its argument is a request, its output lines of JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from traceback import walk_tb
from typing import Any

from survembed import registry
from survembed.errors import SurvembedError, UsageError
from survembed.registry.foreign_code import description
from survembed.registry.subprocess_runner import MARK, OPTIONS, end_marked


def main(request: dict[str, Any]) -> None:
    """Answer one request; all output of plugins, also from C code, goes to stderr. The last answer is `end`."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    Thread(target=_end_with, args=(os.dup(0),), daemon=True).start()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    process = os.getpid()

    def answer(**fields: Any) -> None:
        if os.getpid() == process:  # a plugin may have forked
            answers.write(json.dumps(fields) + "\n")
            answers.flush()

    _answer(request, answer)
    answer(end=True)


def _end_with(parent: int) -> None:
    """End this process and its children when the parent process, whose pipe this is, has ended."""
    os.read(parent, 1)
    end_marked(os.environ.get(MARK, ""))
    os.killpg(0, signal.SIGKILL)


def _answer(request: dict[str, Any], answer: Callable[..., None]) -> None:
    if "examine" in request:
        for kind, name in request["examine"]:
            examined = registry.examine(registry.find(kind, name))
            answer(state=examined.state, text=examined.text)
        return
    from survembed.testing.case import Skipped
    from survembed.testing.checks import run_check

    try:
        checks, case = _case(request)
    except UsageError as error:
        answer(check=OPTIONS, result="failed", reason=f"{error.message}; set it: --set {_section(request)}.NAME=VALUE")
        return
    except SurvembedError as error:
        answer(check="import", result="failed", reason=error.message)
        return
    for name, check in checks.items():
        answer(begin=name)
        try:
            run_check(check, case)
        except Skipped as reason:
            answer(check=name, result="skipped", reason=str(reason))
        except AssertionError as failed:
            answer(check=name, result="failed", reason=str(failed))
        except BaseException as error:  # a plugin may raise anything
            what = description(error)
            answer(check=name, result="failed", reason=what + _place(error, case.component.__module__))
        else:
            answer(check=name, result="passed", reason="")


def _place(error: BaseException, module: str) -> str:
    """The last line in the package of the component before `error`; empty if there is none."""
    package = module.partition(".")[0]
    steps = [
        f" ({Path(frame.f_code.co_filename).name}, line {line})"
        for frame, line in walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).partition(".")[0] == package
    ]
    return steps[-1] if steps else ""


def _case(request: dict[str, Any]) -> Any:
    """The checks, and the component with the options that the user has set in flags, files or variables."""
    from survembed.runs.settings import Settings
    from survembed.testing.case import ComponentUnderTest
    from survembed.testing.checks import checks_of

    kind, name = request["check"]
    component = registry.load(kind, name)
    config = request["config"]
    settings = Settings.gather(
        config=Path(config) if config else None, assignments=request["assignments"], command=request["command"]
    )
    options: dict[str, Any] = {}
    if kind in SECTIONS:
        configured = settings.component(_section(request), f"{registry.KINDS[kind]} {name}", component)
        options = configured.model_dump(mode="json", exclude_unset=True)
    return checks_of(kind), ComponentUnderTest(kind, component, options)


def _section(request: dict[str, Any]) -> str:
    kind, name = request["check"]
    return SECTIONS[kind].format(name=name)


SECTIONS = {
    "datasets": "data",
    "models": "model",
    "heads": "head",
    "downstream": "downstream.{name}",
    "segmenters": "segment",
}
"""Section of the settings with the options of a kind."""

if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
