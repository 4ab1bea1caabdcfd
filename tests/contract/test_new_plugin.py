"""From `plugins new` to a training: what it writes installs, passes its checks and works, as it stands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import survembed, survembed_process
from tests.conftest import ROOT

NEW = {
    "datasets": "discs-and-rings",
    "models": "linear-autoencoder",
    "heads": "square",
    "downstream": "boosted",
    "segmenters": "threshold",
    "trackers": "numbers",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with a new package of each kind."""
    folder = tmp_path_factory.mktemp("new")
    from survembed.workflows.plugin import new_plugin

    for kind, name in NEW.items():
        new_plugin(kind, name, folder)
    return folder


@pytest.fixture(scope="module")
def installed(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip has built and installed them all."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    packages = [written / f"survembed-{name}" for name in NEW.values()]
    done = subprocess.run(
        [*pip, "--disable-pip-version-check", "--target", target, *packages],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


def test_it_is_clean(written: Path) -> None:
    """By its own configuration, and by ours; formatted, too."""
    for command in (["check"], ["check", "--config", str(ROOT / "pyproject.toml")], ["format", "--check"]):
        for name in NEW.values():
            package = written / f"survembed-{name}"
            done = subprocess.run(
                [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
                cwd=package,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kind", NEW)
def test_it_passes_its_checks(installed: Path, kind: str) -> None:
    answer = survembed_process("plugins", "check", NEW[kind], "--json", path=installed)
    assert answer.code == 0, answer.out + answer.err
    rows = json.loads(answer.out)
    assert {row["result"] for row in rows} <= {"passed", "skipped"}
    assert {"described", "api-version", "light", "survives-json"} <= {row["check"] for row in rows}
    assert sum(row["result"] == "passed" for row in rows) >= 5


@pytest.mark.parametrize("kind", ["datasets", "segmenters", "trackers"])
def test_its_own_tests_pass(written: Path, installed: Path, kind: str) -> None:
    """Those that hold more than the checks above."""
    package = written / f"survembed-{NEW[kind]}"
    line = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "error", "--rootdir", str(package), "tests"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *line],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        cwd=package,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_train_and_evaluate(installed: Path, tmp_path: Path) -> None:
    """Dataset, model, head and tracker of four packages in one training, and the downstream model of a fifth on it."""
    runs = ["--runs-dir", str(tmp_path / "runs")]
    line = ["train", NEW["models"], "--data", NEW["datasets"], "--head", NEW["heads"], "--tau", "0.1"]
    options = ["--set", "train.updates=60", "--set", f"train.trackers={NEW['trackers']}"]
    trained = survembed_process(*line, *runs, *options, "--json", path=installed)
    assert trained.code == 0, trained.err
    run = json.loads(trained.out)
    assert (run["model"], run["dataset"], run["head"]) == (NEW["models"], NEW["datasets"], NEW["heads"])
    assert run["cohort"]["header"]["synthetic"]
    (numbers,) = (tmp_path / "runs").glob("*/numbers.csv")
    assert "validation/objective" in numbers.read_text()
    scored = survembed_process(
        "evaluate", "--downstream", NEW["downstream"], "--bootstrap", "0", "--json", *runs, path=installed
    )
    assert scored.code == 0, scored.err
    rows = {row["name"]: row for row in json.loads(scored.out)["rows"]}
    assert rows[NEW["downstream"]]["harrell_c"]["value"] > 0.6
    gone = survembed_process("evaluate", *runs, environment={"SURVEMBED_PLUGINS": "none"}, path=installed)
    assert gone.code == 3
    assert f"no model named '{NEW['models']}'" in gone.err or f"no dataset named '{NEW['datasets']}'" in gone.err


def test_without_installing(written: Path) -> None:
    folder = written / "survembed-square"
    variables = {"SURVEMBED_PLUGIN_PATH": str(folder)}
    shown = survembed_process("plugins", "show", "square", "--json", environment=variables)
    assert json.loads(shown.out)[0]["package"] == "survembed-square 0.1.0 (not installed)"
    assert json.loads(shown.out)[0]["file"].startswith(str(folder))
    dry = survembed_process(
        "train", "coxvae", "--data", "surv-digits", "--head", "square", "--dry-run", environment=variables
    )
    assert dry.code == 0, dry.err


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("My_Model", "my-model"),
        ("2fast", "fast"),
        ("survembed-flow", "flow"),
        ("a--b", "a-b"),
        ("coxvae", "my-coxvae"),
        ("none", "my-none"),
        ("component", "my-component"),
        ("...", "my-plugin"),
    ],
)
def test_bad_names(name: str, remedy: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    answer = survembed(capsys, "plugins", "new", "models", name, "--out", str(tmp_path))
    assert answer.code == 2
    assert f"new models {remedy} --out" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_bad_kind_and_nothing_overwritten(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    answer = survembed(capsys, "plugins", "new", "model", "x", "--out", str(tmp_path))
    assert answer.code == 2
    assert "survembed plugins new models x" in answer.err
    first = survembed(capsys, "plugins", "new", "heads", "mine", "--out", str(tmp_path), "--json")
    files = json.loads(first.out)["files"]
    assert all(Path(file).is_file() for file in files)
    Path(files[0]).write_text("changed")
    again = survembed(capsys, "plugins", "new", "heads", "mine", "--out", str(tmp_path))
    assert again.code == 2
    assert "is there already: nothing is overwritten" in again.err
    assert Path(files[0]).read_text() == "changed"
    assert [path.name for path in tmp_path.iterdir()] == ["survembed-mine"]
    (tmp_path / "file").touch()
    refused = survembed(capsys, "plugins", "new", "heads", "mine", "--out", str(tmp_path / "file"))
    assert refused.code == 4
