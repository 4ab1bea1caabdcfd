"""`plugins check` and `plugins list --check`: whatever a plugin does, a table and exit code 3."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import survembed, survembed_process
from tests.packages import add_package

GOOD = """
from typing import ClassVar
from survembed.heads import Linear

class Thing(Linear):
    '''A head.'''
    api_version: ClassVar[int] = 2
"""
DYING = (
    GOOD + "    def build(self, latent_dim):\n        import os, signal\n        os.kill(os.getpid(), signal.SIGSEGV)\n"
)
HANGING = GOOD + "    def build(self, latent_dim):\n        import time\n        time.sleep(600)\n"
LOUD = (
    GOOD
    + "    def build(self, latent_dim):\n        import os\n        os.write(1, b'{}')\n        raise SystemExit(5)\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heads")
    for name, code in {"good": GOOD, "dying": DYING, "hanging": HANGING, "loud": LOUD, "torn": "1/0"}.items():
        add_package(folder, f"pkg-{name}", code, {"heads": {name: "Thing"}})
    return folder


def test_a_crash_is_a_row(folder: Path) -> None:
    answer = survembed_process("plugins", "check", "dying", "--json", path=folder)
    assert answer.code == 3
    rows = json.loads(answer.out)
    assert [row["result"] for row in rows] == ["passed"] * 4 + ["failed"]
    assert (rows[-1]["check"], rows[-1]["reason"]) == ("shapes", "its process was killed by SIGSEGV")
    assert "error: 1 of 5 checks failed: shapes" in answer.err


def test_a_hang_is_a_row(folder: Path) -> None:
    answer = survembed_process("plugins", "check", "hanging", "--timeout", "8", "--json", path=folder)
    assert answer.code == 3
    assert json.loads(answer.out)[-1]["reason"] == "it takes more than 8 s"


def test_words_and_exits_are_kept_off(folder: Path) -> None:
    answer = survembed_process("plugins", "check", "loud", "--json", path=folder)
    rows = {row["check"]: row for row in json.loads(answer.out)}
    assert rows["shapes"]["reason"] == "SystemExit: 5 (pkg_loud.py, line 11)"
    assert rows["light"]["result"] == "passed"
    broken = survembed_process("plugins", "check", "torn", "--json", path=folder)
    assert broken.code == 3
    (row,) = json.loads(broken.out)
    assert (row["check"], row["result"]) == ("import", "failed")
    assert "is broken: ZeroDivisionError: division by zero" in row["reason"]


def test_list_with_checks(folder: Path) -> None:
    chosen = {"SURVEMBED_PLUGINS": "pkg-good,pkg-dying"}
    answer = survembed_process(
        "plugins", "list", "--kind", "heads", "--check", "--json", path=folder, environment=chosen
    )
    rows = {row["name"]: row for row in json.loads(answer.out)}
    assert rows["good"]["checks"] == "15 passed"
    assert rows["dying"]["checks"] == "failed: shapes"
    assert rows["linear"]["checks"] is None  # ours are checked by our tests
    assert answer.code == 3
    assert "  try:      survembed plugins check pkg-dying:dying" in answer.err


def test_options_come_from_the_usual_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = survembed(capsys, "plugins", "check", "tabular", "--json")
    assert missing.code == 3
    assert "option root is not set" in json.dumps(json.loads(missing.out))
    (tmp_path / "study.csv").write_text("id,age,duration,event\na,60,10,1\nb,70,5,1\nc,65,20,0\n")
    line = ["plugins", "check", "tabular", "--set", f"data.root={tmp_path / 'study.csv'}"]
    passed = survembed(capsys, *line)
    assert passed.code == 0, passed.out
    assert "cohort-is-sound" in passed.out
    wrong = survembed(capsys, "plugins", "check", "tabular", "--set", "data.rot=x", "--json")
    (row,) = json.loads(wrong.out)
    assert (row["check"], wrong.code) == ("options", 3)
    assert "has no option 'rot'; set it: --set data.NAME=VALUE" in row["reason"]


def test_a_name_of_two_kinds_is_checked_as_both(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(survembed(capsys, "plugins", "check", "deepsurv", "--timeout", "1", "--json").out)
    assert {row["kind"] for row in rows} == {"models", "heads"}
    one = json.loads(
        survembed(capsys, "plugins", "check", "deepsurv", "--kind", "heads", "--timeout", "1", "--json").out
    )
    assert {row["kind"] for row in one} == {"heads"}
