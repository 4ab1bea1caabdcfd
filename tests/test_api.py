"""The functions of the top level: lazy, listed, and each with an example that runs."""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import survembed
from survembed.errors import UsageError
from survembed.report.single import report_on
from survembed.runs.run import Run
from survembed.workflows import api

FUNCTIONS = ("train", "embed", "evaluate", "traverse", "predict", "report")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of the example of `train`."""
    folder = tmp_path_factory.mktemp("api")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SURVEMBED_CACHE", str(folder / "cache"))
        return survembed.train("coxvae", "surv-digits", tau=0.2, updates=20, runs_dir=folder / "runs", progress=False)


def test_the_top_level_lists_its_functions_and_imports_no_torch() -> None:
    code = (
        "import sys, json, survembed\n"
        "before = 'torch' in sys.modules or 'numpy' in sys.modules\n"
        "import survembed.report.tripod\n"
        "print(json.dumps([before, dir(survembed), callable(survembed.report)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, names, is_callable = json.loads(done.stdout)
    assert not loaded
    assert {*FUNCTIONS, "Embedder", "__version__"} <= set(names)
    assert is_callable
    assert set(survembed.__all__) == {*FUNCTIONS, "Embedder", "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        survembed.trian  # noqa: B018


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_runs(name: str, trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SURVEMBED_CACHE", str(trained.path.parents[1] / "cache"))
    function = report_on if name == "report" else getattr(survembed, name)
    examples = doctest.DocTestFinder(recurse=False).find(function, name, globs={"survembed": survembed, "run": trained})
    assert sum(len(example.examples) for example in examples) >= 2
    for example in examples:
        assert not doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example).failed


def test_a_run_by_object_id_path_and_default(trained: Run) -> None:
    folder = trained.path.parent
    for given in (trained, trained.id, trained.id[:12], trained.path, str(trained.path), None):
        assert api.find_run(given, folder).path.resolve() == trained.path.resolve()


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ({"updates": 1, "tau": 0.1, "seed": 2}, ["train.updates", "model.tau", "seed"]),
        ({"root": "x", "skip_bad": True}, ["data.root", "data.skip_bad"]),
        ({"head": "deepsurv", "hidden": (8,)}, ["model.head", "head.hidden"]),
        ({"split__seed": 1, "test": 0.3}, ["split.seed", "split.test"]),
    ],
)
def test_options_find_their_section(options: dict[str, Any], keys: list[str]) -> None:
    assert [api._key(option, "coxvae", "liver", options) for option in options] == keys


@pytest.mark.parametrize(
    ("options", "said"),
    [({"updatse": 3}, "updatse"), ({"tau": 2.0}, "tau"), ({"dropout": 0.5, "head": "deepsurv"}, "ambiguous")],
)
def test_bad_options(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        survembed.train("coxvae", "surv-digits", runs_dir=tmp_path, progress=False, **options)
    assert not list(tmp_path.iterdir())


def test_progress_is_written_as_lines(trained: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path,
                                      monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setenv("SURVEMBED_CACHE", str(trained.path.parents[1] / "cache"))
    survembed.evaluate(trained, [], n_resamples=0)
    assert "evaluating 1/1 models" in capsys.readouterr().err
    survembed.evaluate(trained, [], n_resamples=0, progress=False)
    assert not capsys.readouterr().err
