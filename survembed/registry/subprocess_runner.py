"""Third parties' code in a process of its own: a crash, a hang or a flood of words there harms nobody here."""

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
from dataclasses import dataclass
from threading import Timer
from typing import Any

from survembed import registry
from survembed.registry import Entry

MODULE = "survembed.testing"
"""What the process runs: a request goes in as its argument, lines of JSON come out."""

OPTIONS = "options"
"""The check that fails before all others where a component has options that only its user knows."""


@dataclass(frozen=True)
class ListedComponent:
    """A component as `survembed plugins list` shows it.

    Attributes
    ----------
    entry
        What the metadata say.
    state
        As of `survembed.registry.Examined`.
    text
        Its summary, or the reason why it is not `ok`.
    """

    entry: Entry
    state: str
    text: str


@dataclass(frozen=True)
class Result:
    """What a check came to.

    Attributes
    ----------
    check
        Its name.
    result
        `passed`, `failed`, or `skipped` where it does not apply.
    reason
        Why it did not pass.
    """

    check: str
    result: str
    reason: str = ""


def describe(kinds: Iterable[str], *, timeout: float = 10.0) -> list[ListedComponent]:
    """Every component of some kinds, imported: ours here, each other package in a process of its own.

    Parameters
    ----------
    kinds
        Keys of `registry.KINDS`.
    timeout
        Seconds that a package may take to import; after them it counts as broken.
    """
    found = [entry for kind in kinds for entry in registry.entries(kind)]
    packages: dict[str, list[Entry]] = {}
    for entry in found:
        if not entry.builtin:
            packages.setdefault(entry.package, []).append(entry)
    with ThreadPoolExecutor(max_workers=4) as pool:
        rows = {
            row.entry: row for part in pool.map(lambda part: _import(part, timeout), packages.values()) for row in part
        }
    return [_own(entry) if entry.builtin else _unless_duplicate(rows[entry]) for entry in found]


def check(kind: str, name: str, settings: Mapping[str, Any], *, timeout: float) -> Iterator[Result]:
    """Run the checks of `survembed.testing` on a component, each result as it comes; never raises on its account.

    Parameters
    ----------
    kind, name
        The component; bare or `package:name`.
    settings
        `config`, `assignments` and `command`, as for `Settings.gather`.
    timeout
        Seconds for all checks together.
    """
    under_way = "import"
    answers = _Process({"check": [kind, name], **settings}, timeout)
    for answer in answers:
        under_way = answer.get("begin", under_way)
        if "result" in answer:
            yield Result(**answer)
    if answers.end:
        yield Result(under_way, "failed", answers.end)


def environment() -> dict[str, str]:
    """Variables for a process that is to find the same packages as this one."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYDANTIC_DISABLE_PLUGINS": "__all__",  # pydantic fails on damaged metadata of any package
    }


def _own(entry: Entry) -> ListedComponent:
    examined = registry.examine(entry)
    return ListedComponent(
        entry, examined.state, examined.reason or (examined.component.summary() if examined.component else "")
    )


def _import(entries: list[Entry], timeout: float) -> list[ListedComponent]:
    """The components of one package, examined; from the one on that ends the process, all are broken."""
    answers = _Process({"examine": [[entry.kind, entry.qualified] for entry in entries]}, timeout)
    rows = [
        ListedComponent(entry, answer["state"], answer["text"]) for entry, answer in zip(entries, answers, strict=False)
    ]
    return rows + [
        ListedComponent(entry, "broken", answers.end or "it gave no answer") for entry in entries[len(rows) :]
    ]


def _unless_duplicate(row: ListedComponent) -> ListedComponent:
    reason = registry.why_duplicate(row.entry) if row.state == "ok" else ""
    return ListedComponent(row.entry, "duplicate", reason) if reason else row


class _Process:
    """The answers of a process, one by one; `end` says afterwards how it ended, where that was not well."""

    def __init__(self, request: Mapping[str, Any], timeout: float) -> None:
        self.request, self.timeout = request, timeout
        self.end = ""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with tempfile.TemporaryFile() as words:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE, json.dumps(self.request)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=words,
                text=True,
                env=environment(),
                start_new_session=True,  # so that whatever it starts ends with it
            )
            assert process.stdout is not None
            late = Timer(self.timeout, self._end_late, [process])
            late.start()
            try:
                for line in process.stdout:
                    yield json.loads(line)
                process.wait()
            finally:
                late.cancel()
                _kill(process)
                process.stdout.close()
            if process.returncode and not self.end:
                words.seek(0)
                said = words.read().decode(errors="replace").strip().splitlines()
                self.end = _words_for(process.returncode) + (f": {said[-1]}" if said else "")

    def _end_late(self, process: subprocess.Popen[str]) -> None:
        self.end = f"it takes more than {self.timeout:g} s"
        _kill(process)


def _kill(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _words_for(code: int) -> str:
    return f"its process was killed by {signal.Signals(-code).name}" if code < 0 else f"its process ended with {code}"
