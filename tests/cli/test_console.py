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


def test_a_title_is_not_broken_at_the_width_of_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    title = "synthetic: surv-digits (simulated survival times, exponential): /a/folder/of/a/sweep"
    show_table(["model", "n"], [["vae", 1]], title=title)
    assert capsys.readouterr().out.startswith(f"{title}\n")


def test_points_stand_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(["dimension", "z"], [["z0", 1.511], ["z1", -0.0004998], ["z2", 12], ["z3", None], ["z4", 0.25]])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.lstrip().startswith("z")]
    assert [line.index(".") for line in lines if "." in line] == [lines[2].index("12") + 2] * 3


def test_texts_are_wrapped_between_words(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WIDTH_WHEN_PIPED", 40)
    show_table(["name", "note"], [["liver", "CTs with masks of the liver and of its tumours in mm"]])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 4
    assert max(map(len, lines)) <= 40
