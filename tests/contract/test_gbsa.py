"""A real plugin, installed as a user installs it, into a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import survembed_process
from tests.contract.own_tests import run_own_tests


@pytest.fixture(scope="module")
def installed(install: Callable[[str], Path]) -> Path:
    return install("survembed-gbsa")


def test_it_is_listed_and_shown(installed: Path) -> None:
    rows = json.loads(survembed_process("plugins", "list", "--kind", "downstream", "--json", path=installed).out)
    row = next(row for row in rows if row["name"] == "gbsa")
    assert (row["package"], row["version"], row["state"]) == ("survembed-gbsa", "0.1.0", "ok")
    shown = json.loads(survembed_process("plugins", "show", "gbsa", "--json", path=installed).out)
    assert shown[0]["file"].startswith(str(installed))
    assert (
        "gbsa"
        not in survembed_process("plugins", "list", path=installed, environment={"SURVEMBED_PLUGINS": "none"}).out
    )


def test_its_options_are_settings(installed: Path) -> None:
    line = "evaluate --downstream gbsa --dry-run --json"
    variables = {"SURVEMBED_DOWNSTREAM_GBSA_MAX_DEPTH": "3"}
    answer = survembed_process(*line.split(), path=installed, environment=variables)
    assert json.loads(answer.out)["downstream.gbsa.max_depth"] == {
        "value": 3,
        "origin": "SURVEMBED_DOWNSTREAM_GBSA_MAX_DEPTH",
    }


def test_its_own_tests_pass(installed: Path) -> None:
    run_own_tests("survembed-gbsa", installed)
