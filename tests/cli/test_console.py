"""Tables on a narrow terminal: what names a row, and a number, is never cut."""

from __future__ import annotations

import pytest

from survembed.cli import console as module
from survembed.cli.console import show_table

ID = "20261125-011031-coxvae-surv-digits-9b40"


@pytest.mark.parametrize("width", [20, 80, 240])
def test_ids_numbers_and_words_stay_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr(module, "WIDTH_WHEN_PIPED", width)
    rows = [[ID, "finished", "surv-digits", "stopped early", 0.3329, "a sentence of several words " * 3]]
    show_table(["id", "status", "data set", "end", "best objective", "note"], rows)
    out = capsys.readouterr().out
    for text in (ID, "finished", "surv-digits", "stopped", "0.3329", "best objective"):
        assert text in out
    assert "…" not in out
    assert out.count("sentence") == 3


def test_texts_are_wrapped_between_words(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WIDTH_WHEN_PIPED", 40)
    show_table(["name", "note"], [["liver", "CTs with masks of the liver and of its tumours in mm"]])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 4
    assert max(map(len, lines)) <= 40
