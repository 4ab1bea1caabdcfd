"""`survembed report`: one file that loads nothing, with every figure, and nobody named."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from survembed.downstream.base import FittedDownstream, fit_downstream
from survembed.evaluation import predictor
from survembed.report import build as module
from survembed.runs.jobs.sweep import Sweep
from tests.cli.command import survembed
from tests.trained import Made

OUTSIDE = re.compile(r"(?:https?:)?//|@import|url\(", re.I)


class Page(HTMLParser):
    """What a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.within: list[str] = []
        self.content: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.within and self.within.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.within and self.within[-1] in ("script", "style"):
            self.content[self.within[-1]] = data
        else:
            self.words.append(data)

    def of(self, tag: str, name: str) -> list[str]:
        return [value for at, key, value in self.attributes if (at, key) == (tag, name)]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def loads_nothing(page: Page) -> None:
    for tag, name, value in page.attributes:
        if name in ("src", "href", "srcset", "action", "data", "poster"):
            assert value.startswith(("data:image/png;base64,", "#")), (tag, name, value[:80])
        if name == "style":
            assert not OUTSIDE.search(value)
    assert not OUTSIDE.search(page.content["style"])
    assert not OUTSIDE.search(page.content["script"])
    (policy,) = [value for value in page.of("meta", "content") if "default-src" in value]
    hashed = b64encode(sha256(page.content["script"].encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert policy.endswith(f"script-src 'sha256-{hashed}'")


def test_of_a_run(a_run: Made, capsys, tmp_path: Path) -> None:
    run = a_run("volume")
    line = ["report", "--runs-dir", str(tmp_path / "runs"), "--bootstrap", "20"]
    answer = survembed(capsys, *line)
    assert answer.code == 0, answer.err
    path = run.path / "report.html"
    assert answer.out == f"{path}\n"
    assert path.stat().st_size < 10e6
    page = Page(path.read_text())
    loads_nothing(page)
    drawn = [value.removeprefix("figure-") for value in page.of("figure", "id")]
    assert drawn == ["history", "survival", "calibration", "brier", "latents", "importance", "traversal"]
    pictures = [b64decode(value.partition(",")[2]) for value in page.of("img", "src")]
    assert len(pictures) == 7 + 3  # the hazard and two dimensions have sliders
    assert all(png.startswith(b"\x89PNG") for png in pictures)
    assert all(page.of("img", "alt"))
    assert sum("Synthetic data." in words for words in page.words) >= 7 + 1
    assert page.of("input", "type") == ["range"] * 3
    assert len(page.of("input", "aria-label")) == 3
    texts = json.loads(page.of("div", "data-texts")[0])
    assert (len(texts), texts[8][:5], texts[-1][:7]) == (17, "start", "+4.0\u00a0SD")
    assert re.search(r"re-encoded\u00a0×\u00a0[\d.]+ · tumour\u00a0[\d.]+\u00a0ml$", texts[8])
    starts = [
        json.loads(texts)[int(at)][:7]
        for texts, at in zip(page.of("div", "data-texts"), page.of("input", "value"), strict=True)
    ]
    assert set(starts) <= {"+2.0\u00a0SD", "-2.0\u00a0SD"}
    assert starts[0] == "+2.0\u00a0SD"  # the hazard
    head = page.text[: page.text.index("Data")]
    for words in ("Harrell's C", "integrated Brier score", "calibration"):
        assert words in head
    assert page.text.index("survembed report") > page.text.index("At the time of the training.")
    checked = page.text[page.text.index("TRIPOD+AI checklist") :]
    open_items, answered = checked.split("Items that the run answers")
    assert "To be answered by the authors." in open_items
    assert "To be answered by the authors." not in answered
    for words in ("not a medical device", "27 items", "Model card", "reverse Kaplan–Meier", "latent dimensions"):
        assert words in page.text
    assert run.record["outcome"]["rule"] in page.text
    assert not re.search(r"\bs\d{3}\b", page.text), "a subject is named"
    assert str(tmp_path) not in page.text
    tripod = page.text[page.text.index("TRIPOD+AI checklist") :]
    assert all(f" {number} " in tripod for number in range(1, 28))


def test_a_report_of_an_evaluated_run_fits_nothing(
    a_run: Made, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = []

    def spy(*arguments: Any) -> FittedDownstream:
        fitted.append(arguments)
        return fit_downstream(*arguments)

    monkeypatch.setattr(predictor, "fit_downstream", spy)
    monkeypatch.setattr(module, "FIGURES", {"survival": "", "calibration": "", "brier": ""})
    monkeypatch.setattr(module, "STEPS", 3)
    a_run("table")
    flags = ["--runs-dir", str(tmp_path / "runs"), "--bootstrap", "0", "--downstream", "coxph", "--downstream", "rsf"]
    assert survembed(capsys, "evaluate", *flags).code == 0
    assert len(fitted) == 2
    assert survembed(capsys, "report", *flags).code == 0
    assert len(fitted) == 2


def test_of_a_model_that_cannot_do_everything(
    a_run: Made, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIGURES", {"traversal": "", "survival": ""})
    a_run("table", "deepsurv")
    out = tmp_path / "mail" / "page.html"
    folder = ["--runs-dir", str(tmp_path / "runs"), "--bootstrap", "0", "--downstream", "coxph"]
    answer = survembed(capsys, "report", *folder, "--out", str(out), "--json")
    assert answer.code == 0, answer.err
    made = json.loads(answer.out)
    assert list(made["absent"]) == ["traversal"]
    page = Page(out.read_text())
    loads_nothing(page)
    assert "which cannot decode latents into images" in page.text
    assert page.of("input", "type") == []


def test_of_a_sweep(swept: Sweep, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIGURES", {"latents": "", "tau": ""})
    monkeypatch.setattr(module, "STEPS", 3)
    monkeypatch.setenv("SURVEMBED_RUN", "nothing")  # --sweep-dir overrides it
    out = tmp_path / "sweep.html"
    answer = survembed(
        capsys,
        "report",
        "--sweep-dir",
        str(swept.folder.path),
        "--bootstrap",
        "10",
        "--downstream",
        "coxph",
        "--out",
        str(out),
    )
    assert answer.code == 0, answer.err
    page = Page(out.read_text())
    loads_nothing(page)
    assert page.of("figure", "id") == ["figure-latents", "figure-tau", "figure-tau-advice"]
    for words in (
        "C-index (higher is better)",
        "Harrell's C, coxvae τ=0.1, base",
        "on the same test subjects",
        "figures of one run show coxvae τ=0.1",
        "Models of the sweep",
        "coxvae τ=0.9: 2 latent dimensions",
        "vae: 2 latent dimensions",
        "deepsurv: 2 latent dimensions",
        "coxvae τ=0.9, base: Harrell's C",
        "This is coxvae τ=0.1; for the other models see Model and training.",
        "coxvae τ=0.9",
        "deepsurv",
        "tumour volume",
        "2 folds",
        "age",
        "sex: male",
    ):
        assert words in page.text
    assert "free text" not in page.text
    assert "best C" not in page.text  # nothing is headlined because of its result on test subjects


def test_a_folder_that_is_no_sweep(capsys, tmp_path: Path) -> None:
    answer = survembed(capsys, "report", "--sweep-dir", str(tmp_path))
    assert (answer.code, "no sweep" in answer.err) == (5, True)
