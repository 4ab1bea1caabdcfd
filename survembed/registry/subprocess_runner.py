"""Import and check components of other packages in a subprocess: a crash, hang or output there has no effect here."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread, Timer
from typing import IO, Any

from survembed.errors import printable
from survembed.registry.entry_points import ComponentEntry, duplicate_reason, entries
from survembed.registry.loading import examine

MODULE = "survembed.testing"
"""Module that the subprocess runs: its argument is a request, its output lines of JSON."""

LONGEST = 1000
"""Longest text of an answer, in characters."""

MARK = "_SURVEMBED_SUBPROCESS"
"""Environment variable by which a subprocess and its children are found."""

_running: set[tuple[subprocess.Popen[bytes], str]] = set()

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
        try:
            rows = {row.entry: row for part in parts for row in part}
        except BaseException:  # Ctrl-C: the pool waits for its threads, and these for the subprocesses
            pool.shutdown(wait=False, cancel_futures=True)
            for process, mark in list(_running):
                _kill(process, mark)
            raise
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
        ListedComponent(entry, answer["state"], answer["text"])
        for entry, answer in zip(package, list(answers), strict=False)
        if "state" in answer
    ]
    return rows + [ListedComponent(entry, "broken", answers.failure or "no answer") for entry in package[len(rows) :]]


class _Process:
    """Iterator over the answers of a subprocess; `failure` says afterwards how it failed, or is empty.

    The subprocess leads a process group of its own, and ends this group when its stdin, a pipe from here, is closed:
    whatever ends this process, also SIGTERM and SIGKILL, ends the plugin and its children.
    """

    def __init__(self, request: Mapping[str, Any], timeout: float) -> None:
        self.request, self.timeout = request, timeout
        self.failure = ""
        self.mark = secrets.token_hex(16)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE, json.dumps(self.request)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**environment(), MARK: self.mark},
            start_new_session=True,
        )
        _running.add((process, self.mark))
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        tail = _Tail(process.stderr)
        timer = Timer(self.timeout, self._time_out, [process])
        timer.start()
        ended = False
        try:
            for line in process.stdout:
                answer = _parsed(line)
                ended = answer.get("end") is True
                if ended:
                    break
                yield answer
            if not ended:
                process.wait()
        finally:
            timer.cancel()
            _kill(process, self.mark)
            _running.discard((process, self.mark))
            process.stdin.close()
            process.stdout.close()
        if not ended and not self.failure:
            lines = printable(tail.text()).strip().splitlines()
            self.failure = _exit_reason(process.returncode) + (f": {lines[-1][:LONGEST]}" if lines else "")

    def _time_out(self, process: subprocess.Popen[bytes]) -> None:
        self.failure = f"it takes more than {self.timeout:g} s"
        _kill(process, self.mark)


class _Tail(Thread):
    """Reads a stream to its end and keeps the last part: a plugin may print without end."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream, self._last = stream, b""
        self.start()

    def run(self) -> None:
        """Read until all writers have closed the stream."""
        with self._stream:
            while part := self._stream.read1(1 << 16):  # type: ignore[attr-defined]  # a buffered reader
                self._last = (self._last + part)[-10 * LONGEST :]

    def text(self) -> str:
        """The last part; waits for a second at most, because a child of the plugin may hold the stream open."""
        self.join(1.0)
        return self._last.decode(errors="replace")


def _parsed(line: bytes) -> dict[str, Any]:
    """An answer: texts of it, without control characters. A line that a copy of the process tore is empty."""
    try:
        answer = json.loads(line)
    except ValueError:
        return {}
    return {name: printable(text)[:LONGEST] if isinstance(text, str) else text for name, text in answer.items()}


def end_marked(mark: str) -> None:
    """End the processes that inherited this mark, except our own: children of a plugin may leave its process group.

    They are found on Linux only.
    """
    wanted = f"{MARK}={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int(folder.name) != os.getpid() and wanted in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)


def _kill(process: subprocess.Popen[bytes], mark: str) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    end_marked(mark)
    process.wait()


def _exit_reason(code: int) -> str:
    if code < 0:
        return f"its process was killed by {signal.Signals(-code).name}"
    return f"its process ended with {code}" if code else "its process ended with 0 before all checks were done"
