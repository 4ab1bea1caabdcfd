"""The template of the report."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from survembed.report.page import write_page
from tests.report.facts_of_a_run import FACTS


def content(**more: object) -> dict[str, object]:
    empty = ("badges", "tiles", "sections", "parts", "scores", "score_notes", "drawn", "absent", "strips", "card")
    table = {"columns": ["", "all"], "rows": [["age <b>", "60"]]}
    flow = {"found": 1, "left_out": [], "remarks": []}
    names = {
        "heading": "run",
        "subject": "run 1",
        "facts": FACTS,
        "flow": flow,
        "table": table,
        "command": "survembed",
        "trained_by": "survembed",
    }
    rest = {"volumes": False, "items": [], "n_open": 0, "n_partly": 0, "sweep": False}
    lists = {name: [] for name in (*empty, "provenance", "options", "versions")}
    return {**lists, **names, **rest, **more}


def test_texts_are_escaped_and_hold_no_path(tmp_path: Path) -> None:
    notes = ["no file '/data/Mueller/x.csv'", f"no file in {tmp_path}", "tumour in mg/ml"]
    write_page(content(score_notes=notes), tmp_path / "page.html", [tmp_path])
    text = (tmp_path / "page.html").read_text()
    assert "age &lt;b&gt;" in text
    assert "Mueller" not in text
    assert str(tmp_path) not in text
    assert "<li>no file in PATH</li><li>tumour in mg/ml</li>" in text


def test_a_missing_variable_is_an_error(tmp_path: Path) -> None:
    incomplete = content()
    del incomplete["command"]
    with pytest.raises(UndefinedError):
        write_page(incomplete, tmp_path / "page.html")
