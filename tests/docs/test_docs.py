"""The pages build without a warning, ask nothing of the network, and say only what the program knows."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from survembed.cli.main import app
from tests.conftest import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def blocks(page: Path, *languages: str) -> list[str]:
    """What stands between fences, in order; the empty language is that of a fence without one."""
    fences = re.findall(r"^```(.*?)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
    return [text for language, text in fences if language in languages]


def commands() -> list[tuple[str, list[str]]]:
    """Every command of ours, wherever in a line it stands."""
    found = []
    for page in [*PAGES, ROOT / "README.md"]:
        text = "\n".join(blocks(page, "sh", "")).replace("\\\n", " ")
        lines = re.findall(r"(?<![\w/-])survembed [a-z][^\"&\n]*", text)
        found += [(page.name, shlex.split(line, comments=True)) for line in lines]
    return found


def test_pages_ask_nothing_of_the_network(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="(?:https?:)?//', text), page.name


@pytest.mark.parametrize(("page", "words"), commands(), ids=lambda value: value if isinstance(value, str) else value[1])
def test_commands_can_be_parsed(page: str, words: list[str]) -> None:
    """Commands and options exist, nothing that is required is missing, and values are of their type and in range."""
    from typer.main import get_command

    command, name, rest, context = get_command(app), "survembed", words[1:], None
    while True:
        context = command.make_context(name, list(rest), parent=context, obj=shlex.join(words))
        rest = [*getattr(context, "_protected_args", []), *context.args]
        if not rest or not hasattr(command, "resolve_command"):
            break
        name, command, rest = command.resolve_command(context, rest)


@pytest.mark.parametrize(
    "page", [*PAGES, pytest.param(ROOT / "README.md", marks=pytest.mark.slow)], ids=lambda page: page.name
)
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for code in blocks(page, "python"):
        exec(compile(code, str(page), "exec"), {"__name__": "docs"})


def test_the_tutorial_names_every_command_it_needs() -> None:
    said = {words[1] for page, words in commands() if page == "tutorial.md"}
    assert {"train", "evaluate", "traverse", "importance", "figure", "explain", "predict", "report"} <= said


@pytest.mark.slow
def test_the_tutorial_verbatim(tmp_path: Path) -> None:
    """Its commands after installation, in the order they stand, in an empty folder beside `demo.toml`."""
    (tmp_path / "demo.toml").write_text((ROOT / "demo.toml").read_text())
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for block in blocks(DOCS / "tutorial.md", "sh")[1:]:
        done = subprocess.run(
            ["bash", "-e", "-c", block],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PATH": path},
        )
        assert done.returncode == 0, block + done.stderr
    runs = json.loads((tmp_path / "runs" / "latest.json").read_text())
    assert list((tmp_path / "runs" / runs["run"]).glob("**/*.html"))
