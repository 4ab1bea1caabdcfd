"""Import and check components of other packages in a subprocess: a crash, hang or output there has no effect here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Timer
from typing import Any

from survembed.registry.entry_points import ComponentEntry, duplicate_reason, entries
from survembed.registry.loading import examine

MODULE = "survembed.testing"
"""Module that the subprocess runs: its argument is a request, its output lines of JSON."""

OPTIONS = "options"
"""Name of the first check, which fails if a component has required options that are not set."""


@dataclass(frozen=True)
class ListedComponent:
    """A component as `survembed plugins list` shows it.

    Attributes
    ----------
    entry
        Its metadata.
    state
        As in `survembed.registry.ExaminedComponent`.
    text
        Its summary, or the reason why it is not `ok`.
    """

    entry: ComponentEntry
    state: str
    text: str


@dataclass(frozen=True)
class CheckResult:
    """Result of one check.

    Attributes
    ----------
    check
        Name of the check.
    result
        `passed`, `failed`, or `skipped` if the check does not apply.
    reason
        Why it did not pass.
    """

    check: str
    result: str
    reason: str = ""


def list_components(kinds: Iterable[str], *, timeout: float = 10.0) -> list[ListedComponent]:
    """All components of some kinds, imported: those of survembed here, each other package in a subprocess.

    Parameters
    ----------
    kinds
        Keys of `registry.KINDS`.
    timeout
        Seconds for the import of one package; a slower one is broken.
    """
    found = [entry for kind in kinds for entry in entries(kind)]
    packages: dict[str, list[ComponentEntry]] = {}
    for entry in found:
        if not entry.builtin:
            packages.setdefault(entry.package, []).append(entry)
    with ThreadPoolExecutor(max_workers=4) as pool:
        parts = pool.map(lambda part: _import_package(part, timeout), packages.values())
        rows = {row.entry: row for part in parts for row in part}
    for entry in found:
        if entry.builtin:
            examined = examine(entry)
            rows[entry] = ListedComponent(entry, examined.state, examined.text)
        elif rows[entry].state == "ok" and (reason := duplicate_reason(entry)):
            rows[entry] = replace(rows[entry], state="duplicate", text=reason)
    return [rows[entry] for entry in found]


def check_component(kind: str, name: str, settings: Mapping[str, Any], *, timeout: float) -> Iterator[CheckResult]:
    """Run the checks of `survembed.testing` on a component in a subprocess; yield each result when it arrives.

    Parameters
    ----------
    kind, name
        The component; bare or `package:name`.
    settings
        `config`, `assignments` and `command`, as for `Settings.gather`.
    timeout
        Seconds for all checks together.
    """
    current = "import"
    answers = _Process({"check": [kind, name], **settings}, timeout)
    for answer in answers:
        current = answer.get("begin", current)
        if "result" in answer:
            yield CheckResult(**answer)
    if answers.failure:
        yield CheckResult(current, "failed", answers.failure)


def environment() -> dict[str, str]:
    """Environment variables for a subprocess that finds the same packages as this process."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYDANTIC_DISABLE_PLUGINS": "__all__",  # pydantic fails if any package has damaged metadata
    }


def _import_package(package: list[ComponentEntry], timeout: float) -> list[ListedComponent]:
    """The components of one package; if the subprocess ends early, the remaining ones are broken."""
    answers = _Process({"examine": [[entry.kind, entry.qualified] for entry in package]}, timeout)
    rows = [
        ListedComponent(entry, answer["state"], answer["text"]) for entry, answer in zip(package, answers, strict=False)
    ]
    return rows + [ListedComponent(entry, "broken", answers.failure or "no answer") for entry in package[len(rows) :]]


class _Process:
    """Iterator over the answers of a subprocess; `failure` says afterwards how it failed, or is empty."""

    def __init__(self, request: Mapping[str, Any], timeout: float) -> None:
        self.request, self.timeout = request, timeout
        self.failure = ""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with tempfile.TemporaryFile() as messages:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE, json.dumps(self.request)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=messages,
                text=True,
                env=environment(),
                start_new_session=True,  # its children end with it
            )
            assert process.stdout is not None
            timer = Timer(self.timeout, self._time_out, [process])
            timer.start()
            try:
                for line in process.stdout:
                    yield json.loads(line)
                process.wait()
            finally:
                timer.cancel()
                _kill(process)
                process.stdout.close()
            if process.returncode and not self.failure:
                messages.seek(0)
                lines = messages.read().decode(errors="replace").strip().splitlines()
                self.failure = _exit_reason(process.returncode) + (f": {lines[-1]}" if lines else "")

    def _time_out(self, process: subprocess.Popen[str]) -> None:
        self.failure = f"it takes more than {self.timeout:g} s"
        _kill(process)


def _kill(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _exit_reason(code: int) -> str:
    return f"its process was killed by {signal.Signals(-code).name}" if code < 0 else f"its process ended with {code}"
