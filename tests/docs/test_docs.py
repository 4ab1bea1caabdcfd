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


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.S)


def commands() -> list[tuple[str, list[str]]]:
    found = []
    for page in [*PAGES, ROOT / "README.md"]:
        text = "\n".join([*blocks(page, "sh"), *blocks(page, "")]).replace("\\\n", " ")
        found += [
            (page.name, shlex.split(line, comments=True)) for line in text.splitlines() if line.startswith("survembed ")
        ]
    return found


def test_build_without_warnings(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", DOCS, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "default"},
    )
    assert done.returncode == 0, done.stderr
    for page in tmp_path.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="(?:https?:)?//', text), page.name


@pytest.mark.parametrize(("page", "words"), commands(), ids=lambda value: value if isinstance(value, str) else value[1])
def test_commands_and_options_exist(page: str, words: list[str]) -> None:
    from typer.main import get_command

    group = get_command(app)
    context = group.make_context("survembed", [], resilient_parsing=True, obj="survembed")
    rest = words[1:]
    command = group
    while hasattr(command, "resolve_command") and rest and not rest[0].startswith("-"):
        if rest[0] == "MODEL" or rest[0].startswith("…"):
            return
        _, command, rest = command.resolve_command(context, rest)
    known = {flag for parameter in command.get_params(context) for flag in [*parameter.opts, *parameter.secondary_opts]}
    typed = [word.split("=")[0] for word in rest if word.startswith("--")]
    assert set(typed) <= known, (page, words)


def test_python_runs() -> None:
    for page in PAGES:
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
