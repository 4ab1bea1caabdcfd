"""Five packages of third parties in a fresh environment: one is good, four are not, and nothing of ours breaks."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from survembed.cli.main import COMMANDS, make_command
from tests.cli.command import Answer
from tests.cli.startup import is_held
from tests.conftest import ROOT
from tests.contract import wheels

LIMIT = 0.3
"""Seconds that help and completion may take on a quiet machine; see `startup.py`."""


def commands() -> Iterator[str]:
    """Every command and subcommand; those of `train` are models."""
    for name in COMMANDS:
        yield name
        yield from (f"{name} {each}" for each in getattr(make_command(name, ""), "commands", {}))


@pytest.fixture(scope="module", params=["borrowed", pytest.param("full", marks=pytest.mark.slow)])
def python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with the five wheels."""
    folder = tmp_path_factory.mktemp(request.param)
    built = wheels.build(folder)
    assert len(built) == 5
    if request.param == "full":
        return wheels.full_environment(folder / "environment", built, ROOT)
    return wheels.borrowed_environment(folder / "environment", built)


def run(python: Path, line: str, **variables: str) -> tuple[Answer, float]:
    """A command, and the seconds it took."""
    start = time.perf_counter()
    done = subprocess.run(
        [python, "-P", "-m", "survembed", *line.split()],
        capture_output=True,
        text=True,
        check=False,
        env={**wheels.environment(), **variables},
        cwd=python.parent,
    )
    return Answer(done.returncode, done.stdout, done.stderr), time.perf_counter() - start


def test_every_help_works_and_imports_no_plugin(python: Path, tmp_path: Path) -> None:
    mark = tmp_path / "imported"
    for line in ("--help", *(f"{command} --help" for command in commands())):
        answer, _ = run(python, line, MARK=str(mark))
        assert (answer.code, answer.err) == (0, ""), line
    assert not mark.exists()
    run(python, "train good --help", MARK=str(mark))
    assert mark.exists()


@pytest.mark.startup
@pytest.mark.parametrize("line", ["--help", "train --help", "plugins --help"])
def test_help_is_fast(python: Path, line: str) -> None:
    is_held(LIMIT, lambda: run(python, line), python)


@pytest.mark.startup
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("survembed ", "plugins"),
        ("survembed train ", "duplicate:twin"),
        ("survembed train good --ta", "--tau"),
        ("survembed train coxvae --data ", "surv-digits"),
    ],
)
def test_completion_is_fast_and_silent(python: Path, words: str, expected: str) -> None:
    asked = {
        "_SURVEMBED_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    answers: list[Answer] = []
    is_held(LIMIT, lambda: answers.append(run(python, "", **asked)[0]), python)
    assert {answer.err for answer in answers} == {""}
    assert any(expected in word for word in answers[0].out.split())


@pytest.mark.parametrize("model", ["raising", "slow", "future", "twin"])
def test_completion_of_what_does_not_load_is_silent(python: Path, model: str) -> None:
    words = f"survembed train {model} --ta"
    asked = {"_SURVEMBED_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "3"}
    answer, seconds = run(python, "", SLOW="60", **asked)
    assert (answer.out.strip(), answer.err) == ("", "")
    assert seconds < 30


def test_the_others_are_rows_with_a_reason(python: Path) -> None:
    answer, _ = run(python, "plugins list --kind models --json")
    assert (answer.code, answer.err) == (0, "")
    rows = {(row["package"], row["name"]): (row["state"], row["summary"]) for row in json.loads(answer.out)}
    found = {key: row for key, row in rows.items() if key[0] != "survembed"}
    assert found == {
        ("plugin-good", "good"): ("ok", "It works."),
        ("plugin-good", "twin"): ("duplicate", "plugin-duplicate has this name too: use plugin-good:twin"),
        ("plugin-raising", "raising"): ("broken", "RuntimeError: no luck"),
        ("plugin-slow", "slow"): ("ok", "It is slow."),  # slow to import, and no worse
        ("plugin-duplicate", "twin"): ("duplicate", "plugin-good has this name too: use plugin-duplicate:twin"),
        ("plugin-duplicate", "coxvae"): ("duplicate", "survembed has this name too: use plugin-duplicate:coxvae"),
        ("plugin-future", "future"): ("incompatible", "written for plugin interface 99, this is 2"),
    }
    hurried, seconds = run(python, "plugins list --kind models --wait 3 --json", SLOW="60")
    states = {row["name"]: (row["state"], row["summary"]) for row in json.loads(hurried.out)}
    assert states["slow"] == ("broken", "it takes more than 3 s")
    assert states["good"] == ("ok", "It works.")
    assert seconds < 30


@pytest.mark.parametrize(
    ("model", "code", "said"),
    [
        ("good", 0, "--tau"),
        ("plugin-good:twin", 0, "--tau"),
        ("plugin-duplicate:coxvae", 0, "--tau"),
        ("coxvae", 0, "Variational autoencoder"),
        ("slow", 0, "It is slow."),
        ("twin", 3, "expected: one of plugin-duplicate:twin, plugin-good:twin"),
        ("raising", 3, "error: the model 'raising' of plugin-raising 1.0 is broken: RuntimeError: no luck"),
        ("future", 3, "is incompatible: written for plugin interface 99, this is 2"),
    ],
)
def test_help_of_each(python: Path, model: str, code: int, said: str) -> None:
    answer, _ = run(python, f"train {model} --help", COLUMNS="200")
    assert answer.code == code
    assert said in answer.out + answer.err
    assert "Traceback" not in answer.err


def test_the_good_one_trains(python: Path, tmp_path: Path) -> None:
    for model in ("good", "plugin-duplicate:coxvae"):
        runs = f"--runs-dir {tmp_path} --json --set train.updates=3"
        answer, _ = run(python, f"train {model} --data surv-digits {runs}", SURVEMBED_CACHE=str(tmp_path / "cache"))
        assert answer.code == 0, answer.err
        assert json.loads(answer.out)["model"] == model


def test_the_escape_hatch(python: Path) -> None:
    for value, known in (
        ("none", set()),
        ("plugin-good", {"good", "twin"}),
        ("Plugin.Good,plugin_future", {"good", "twin", "future"}),
    ):
        answer, _ = run(python, "plugins list --kind models --json", SURVEMBED_PLUGINS=value)
        assert {row["name"] for row in json.loads(answer.out) if row["package"] != "survembed"} == known


def test_a_plugin_is_begun_tried_and_checked(python: Path, tmp_path: Path) -> None:
    """The templates came with the package."""
    begun, _ = run(python, f"plugins new heads fresh --out {tmp_path}")
    assert begun.code == 0, begun.err
    answer, _ = run(python, "plugins check fresh", SURVEMBED_PLUGIN_PATH=str(tmp_path / "survembed-fresh"))
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.count("passed") == 15
