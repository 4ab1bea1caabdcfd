"""Shell completion, asked for as the shells do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import Answer, survembed_process
from tests.packages import add_bad_company

SHELLS = ("bash", "zsh", "fish")


def complete(words: str, shell: str = "bash", path: Path | None = None, **variables: str) -> Answer:
    """Completions that a shell receives when the user has typed `words` and presses Tab."""
    asked = {
        "_SURVEMBED_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    return survembed_process(path=path, environment={**asked, **variables})


def values(answer: Answer, shell: str) -> set[str]:
    """The completions in the answer."""
    if shell == "zsh":
        return set(re.findall(r'^(?:_arguments .*\(\()?"([^"]*)"', answer.out, re.MULTILINE))
    return {line.split("\t")[0] for line in answer.out.splitlines()}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("survembed tr", {"train", "traverse"}),
        ("survembed train coxvae --ta", {"--tau"}),
        ("survembed train coxvae --norm ", {"batch", "group", "none"}),
    ],
)
def test_every_shell(shell: str, words: str, expected: set[str]) -> None:
    answer = complete(words, shell)
    assert (answer.code, answer.err) == (0, "")
    assert values(answer, shell) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("survembed train ", {"coxvae", "deepsurv", "vae"}),
        ("survembed train coxvae --data surv", {"surv-digits", "surv-mnist"}),
        ("survembed train coxvae --head ", {"linear", "deepsurv", "discrete", "cause-specific"}),
        ("survembed train nothing --tau 0.2 --data surv-d", {"surv-digits"}),  # no model is needed for it
        ("survembed train coxvae --preset ", {"default", "few-events", "paper"}),
        ("survembed evaluate --downstream c", {"coxph", "coxnet"}),
        ("survembed sweep --data l", {"liver"}),
        ("survembed data prepare tab", {"tabular"}),
        ("survembed plugins ", {"list", "show", "check", "new"}),
        ("survembed plugins show surv-d", {"surv-digits"}),
        ("survembed plugins check rs", {"rsf"}),
        ("survembed plugins list --kind d", {"datasets", "downstream"}),
        ("survembed plugins new h", {"heads"}),
        ("survembed figure sur", {"survival"}),
        ("survembed train nothing --ta", set()),
    ],
)
def test_names_and_values(words: str, expected: set[str]) -> None:
    answer = complete(words)
    assert answer.err == ""
    assert values(answer, "bash") - {""} == expected


def test_runs(tmp_path: Path) -> None:
    for name in ("20260101-coxvae", "20260102-vae"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "run.json").write_text("not even JSON")
    for line in ("evaluate --run ", "runs show ", "traverse --run "):
        words = f"survembed {line.split()[0]} --runs-dir {tmp_path / 'runs'} {' '.join(line.split()[1:])} 20260102"
        if line.startswith("runs"):
            words = f"survembed runs show --runs-dir {tmp_path / 'runs'} 20260102"
        assert values(complete(words), "bash") == {"20260102-vae"}, line


@pytest.mark.parametrize("shell", SHELLS)
def test_bad_plugins_are_not_heard_of(tmp_path: Path, shell: str) -> None:
    add_bad_company(tmp_path)
    answer = complete("survembed train ", shell, tmp_path)
    assert {"raises", "good", "future"} < values(answer, shell)
    assert answer.err == ""
    assert not (tmp_path / "imported").exists()
    for model in ("raises", "future", "twin"):
        answer = complete(f"survembed train {model} --ta", shell, tmp_path)
        assert (values(answer, shell) - {"", "_files"}, answer.err) == (set(), "")
    answer = complete("survembed train coxvae --head ", shell, tmp_path, SURVEMBED_PLUGIN_PATH="/nowhere")
    assert (answer.out, answer.err) == ("", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script(shell: str) -> None:
    answer = survembed_process(
        "--show-completion", shell, environment={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    )
    assert answer.code == 0, answer.err
    assert f"_SURVEMBED_COMPLETE=complete_{shell}" in answer.out


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_in_a_real_bash(tmp_path: Path) -> None:
    """The script that is installed, the function that it defines, and the words that bash would offer."""
    program = tmp_path / "survembed"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m survembed "$@"\n')
    program.chmod(0o755)
    script = survembed_process(
        "--show-completion", "bash", environment={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    ).out
    ask = "COMP_WORDS=(survembed evaluate --downstream cox); COMP_CWORD=3; _survembed_completion survembed\n"
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\n{ask}printf '%s\\n' \"${{COMPREPLY[@]}}\""],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    assert done.stdout.split() == ["coxnet", "coxph"]
    assert done.stderr == ""
