"""Progress: bars on a terminal, lines elsewhere, always on stderr."""

from __future__ import annotations

import io
import sys

import pytest

from survembed import progress as module
from survembed.cli.console import show_json
from survembed.cli.reporter import LineReporter, TerminalReporter, reporter
from survembed.storage.result import plain


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 4.0, 10.0, 10.0, 12.0, 20.0, 20.0, 30.0, 30.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    speaker = reporter()
    assert isinstance(speaker, LineReporter)
    speaker.warn("careful")
    with speaker.task("training", 40, "updates") as task:
        task.advance(8)
        task.advance(12, cox="2.5 (80%)")
        task.advance(4)
    with speaker.task("fitting", 0, "models"):
        pass
    with speaker.task("scoring", 2, "models") as task:
        task.advance(2)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "warning: careful",
        "training 20/40 updates, 2/s, 10 s left  cox 2.5 (80%)",
        "training 24/40 updates, 1.2/s, 13 s left  cox 2.5 (80%)",
        "scoring 2/2 models, 0.2/s",  # said once, though it ends when a line was due
    ]


def test_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")
    speaker = reporter()
    assert isinstance(speaker, TerminalReporter)
    with speaker.task("outer [x]", 2, "rounds") as outer:
        with speaker.task("inner", None) as inner:
            inner.advance(3)
        speaker.say("in [between]")
        outer.advance(2, cox="2.5 [80%]")
    with speaker.task("second", 1):
        pass
    text = stream.getvalue()
    for part in ("outer [x]", "2/2", "rounds/s", "in [between]", "cox 2.5 [80%]", "second"):
        assert part in text
    assert "outer" not in text[text.index("second") :]


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    import numpy as np

    show_json({"a": float("nan"), "b": np.float32(0.5), "c": np.array([1, 2]), "d": (np.bool_(True), None)})
    assert plain(np.array([np.inf, 1.0])) == [None, 1.0]
    assert '"a": null' in capsys.readouterr().out
