"""Every command refuses an option of one value that is given twice, and an output that cannot be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import survembed

Capture = pytest.CaptureFixture[str]

TWICE = {
    "runs list --runs-dir a --runs-dir b": "--runs-dir",
    "evaluate --run a --run b": "--run",
    "evaluate --run=a --run=a": "--run",
    "train coxvae --data tabular --updates x --updates 5 --dry-run": "--updates",
    "train --resume a --resume b": "--resume",
    "predict --table t.csv --pages --no-pages": "--pages / --no-pages",
    "traverse --json --json": "--json",
    "data phantom out --n 3 --n-subjects 4": "--n-subjects / --n",
    "data check liver --root a --root b": "--root",
    "plugins list --timeout 5 --timeout 6": "--timeout",
    "tau --data tabular --workers 1 --workers 2": "--workers",
    "report --set train.updates=5 --set train.updates=6": "--set train.updates",
}


@pytest.mark.parametrize("line", TWICE)
def test_an_option_of_one_value_is_given_once(
    line: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = survembed(capsys, *line.split())
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"error: {TWICE[line]} is given "), answer.err
    assert not list(tmp_path.iterdir())


def test_an_option_of_several_values_is_repeated(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in ("figure latents --run a --run b", "traverse --dim 0 --dim 1", "evaluate --set a.b=1 --set a.c=2"):
        assert "is given" not in survembed(capsys, *line.split()).err
    assert survembed(capsys, "train", "--help", "--help").code == 0


@pytest.mark.parametrize(
    "line",
    [
        "figure latents --out",
        "traverse --out",
        "explain s01 --out",
        "predict --table t.csv --out",
        "report --out",
        "data check liver --root . --html",
        "plugins new heads mine --out",
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_anything_else(
    line: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("kept")
    for out in ("file/new/x.csv", "/dev/null/x.csv", "x" * 300 + "/y.csv"):
        answer = survembed(capsys, *line.split(), out)
        assert (answer.code, answer.out) == (4, "")
        assert answer.err.startswith("error: cannot write "), answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "kept"
