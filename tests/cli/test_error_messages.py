"""Mistakes on the command line: one shape, the nearest name, the right exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from survembed import registry
from survembed.cli.main import COMMANDS
from survembed.errors import DataError
from tests.cli.command import survembed, survembed_process
from tests.packages import add_package, component

MODELS = ", ".join(registry.names("models"))
DATASETS = ", ".join(registry.names("datasets"))
TRAIN = "train coxvae --data surv-digits"

GOLDEN = {
    "trian": (
        2,
        "error: no command 'trian'\n"
        "  where:    survembed trian\n"
        f"  expected: one of {', '.join(COMMANDS)}\n"
        "  try:      survembed train\n",
    ),
    "runs lits": (
        2,
        "error: no command 'lits'\n"
        "  where:    survembed runs lits\n"
        "  expected: one of list, show, export, import, compare, delete\n"
        "  try:      survembed runs list\n",
    ),
    "train coxvea": (
        3,
        "error: no model named 'coxvea'\n"
        "  where:    survembed train coxvea\n"
        f"  expected: one of {MODELS}\n"
        "  try:      survembed train coxvae\n",
    ),
    "train coxvae --data livre": (
        3,
        "error: no dataset named 'livre'\n"
        "  where:    survembed train coxvae --data livre\n"
        f"  expected: one of {DATASETS}\n"
        "  try:      survembed train coxvae --data liver\n",
    ),
    f"{TRAIN} --head liner": (
        3,
        "error: no head named 'liner'\n"
        f"  where:    survembed {TRAIN} --head liner\n"
        f"  expected: one of {', '.join(registry.names('heads'))}\n"
        f"  try:      survembed {TRAIN} --head linear\n",
    ),
    "evaluate --downstream rsff": (
        3,
        "error: no downstream model named 'rsff'\n"
        "  where:    survembed evaluate --downstream rsff\n"
        f"  expected: one of {', '.join(registry.names('downstream'))}\n"
        "  try:      survembed evaluate --downstream rsf\n",
    ),
    "plugins show livr": (
        3,
        "error: no component named 'livr'\n"
        "  where:    survembed plugins show livr\n"
        f"  expected: one of {', '.join(sorted({name for kind in registry.KINDS for name in registry.names(kind)}))}\n"
        "  try:      survembed plugins show liver\n",
    ),
    "plugins list --kind modles": (
        2,
        "error: no kind of component named 'modles'\n"
        "  where:    survembed plugins list --kind modles\n"
        f"  expected: one of {', '.join(registry.KINDS)}\n"
        "  try:      survembed plugins list --kind models\n",
    ),
    "train coxvae": (
        2,
        "error: the dataset is missing\n"
        "  where:    survembed train coxvae\n"
        f"  expected: --data with one of {DATASETS}\n"
        "  try:      survembed train coxvae --data liver\n",
    ),
    f"{TRAIN} --tua 0.3": (
        2,
        "error: no option '--tua'\n"
        f"  where:    survembed {TRAIN} --tua 0.3\n"
        "  expected: an option listed by 'survembed train coxvae --help'\n"
        f"  try:      survembed {TRAIN} --tau 0.3\n",
    ),
    f"{TRAIN} --tau 2": (
        2,
        "error: model coxvae: tau = 2.0 is not valid\n"
        f"  where:    survembed {TRAIN} --tau 2\n"
        "  expected: less than or equal to 1\n",
    ),
    f"{TRAIN} --rate 0": (
        2,
        "error: training: rate = 0.0 is not valid\n"
        f"  where:    survembed {TRAIN} --rate 0\n"
        "  expected: greater than 0\n",
    ),
    f"{TRAIN} --tau abc": (
        2,
        "error: --tau abc is not valid\n"
        f"  where:    survembed {TRAIN} --tau abc\n"
        "  expected: a valid number\n"
        "  try:      survembed train coxvae --help\n",
    ),
    f"{TRAIN} --norm=btch": (
        2,
        "error: --norm btch is not valid\n"
        f"  where:    survembed {TRAIN} --norm=btch\n"
        "  expected: one of 'batch', 'group', 'none'\n"
        f"  try:      survembed {TRAIN} --norm=batch\n",
    ),
    f"{TRAIN} --set data.sceme=x": (
        2,
        "error: dataset surv-digits has no option 'sceme'\n"
        f"  where:    survembed {TRAIN} --set data.sceme=x\n"
        "  expected: one of scheme, seed\n"
        f"  try:      survembed {TRAIN} --set data.scheme=x\n",
    ),
    f"{TRAIN} --tau": (
        2,
        "error: option '--tau' requires an argument\n"
        f"  where:    survembed {TRAIN} --tau\n"
        "  try:      survembed --help\n",
    ),
    "plugins show": (
        2,
        "error: missing argument 'name'\n"
        "  where:    survembed plugins show\n"
        "  try:      survembed plugins show --help\n",
    ),
}


@pytest.mark.parametrize("line", GOLDEN)
def test_golden(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = GOLDEN[line]
    answer = survembed(capsys, *line.split())
    assert answer.err == text
    assert (answer.code, answer.out) == (code, "")


def test_what_a_plugin_raises_is_no_bug_of_ours(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = component(body="").replace("return arguments", "import json; return json.loads('bad luck')")
    add_package(tmp_path, "un-lucky", code, {"datasets": {"unlucky": "Thing"}})
    monkeypatch.syspath_prepend(tmp_path)
    answer = survembed(capsys, "train", "coxvae", "--data", "unlucky")
    assert answer.code == 3
    assert "json.loads('bad luck')" in answer.err, "its traceback is for those who wrote it"
    assert "error: un-lucky 1.0 failed: JSONDecodeError: Expecting value" in answer.err
    assert "survembed plugins check unlucky" in answer.err
    assert "bug in survembed" not in answer.err


def test_no_run_yet(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for command in ("embed", "traverse", "evaluate", "runs show"):
        answer = survembed(capsys, *command.split(), "--runs-dir", str(tmp_path))
        assert answer.code == 5
        assert answer.err.startswith(f"error: no finished run in {tmp_path}\n")


def test_a_group_alone_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    answer = survembed(capsys, "runs")
    assert answer.code == 2
    assert "Usage: survembed runs" in answer.out
    assert answer.err == ""


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (DataError("torn", where="a.nii.gz"), 4, "error: torn\n  where:    a.nii.gz\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (ZeroDivisionError("ours"), 1, "ZeroDivisionError: ours\n\nerror: this is a bug in survembed; please report"),
    ],
)
def test_what_a_command_raises(
    error: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("survembed.runs.run.Runs.list", fail)
    answer = survembed(capsys, "runs", "list")
    assert answer.code == code
    assert text in answer.err
    assert answer.out == ""


@pytest.mark.parametrize(
    "line", ["plugins list --json", "plugins list", "plugins list --kind heads", "plugins show rsf"]
)
def test_a_reader_who_leaves_early_is_no_failure(line: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "survembed", *line.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_the_program_itself() -> None:
    answer = survembed_process("--version")
    assert (answer.code, answer.out, answer.err) == (0, "survembed 0.1.0\n", "")
