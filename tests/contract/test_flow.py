"""A CoxVAE with another prior, installed as a user installs it: it ranks as ours does, and every command takes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import survembed
from tests.contract.own_tests import run_own_tests

SHORT = "--data surv-digits --updates 60 --width 4 --blocks 1 --latent-dim 4 --rate 0.005"
EVALUATE = "evaluate --downstream coxph --bootstrap 0 --json"


@pytest.fixture
def installed(install: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = install("survembed-flow")
    monkeypatch.syspath_prepend(str(folder))
    return folder


def said(capsys: pytest.CaptureFixture[str], line: str, runs: Path) -> object:
    answer = survembed(capsys, *line.split(), "--runs-dir", str(runs))
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def own_c(result: object) -> float:
    """Harrell's C of the run's own head on the test part."""
    assert isinstance(result, dict)
    return float(result["rows"][0]["harrell_c"]["value"])


def test_it_ranks_as_well_as_the_coxvae(
    installed: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for model in ("coxvae", "flowvae"):
        said(capsys, f"train {model} {SHORT} --json", tmp_path)
        found[model] = own_c(said(capsys, EVALUATE, tmp_path))
    assert found["coxvae"] > 0.7  # the truth has 0.82
    assert found["flowvae"] == pytest.approx(found["coxvae"], abs=0.03)
    walked = said(capsys, "traverse --dim 0 --risk --steps 3 --json", tmp_path)
    assert isinstance(walked, dict)
    assert walked["model"] == "flowvae"
    assert walked["rows"][-1]["log_hazard"] == sorted(walked["rows"][-1]["log_hazard"])
    ranked = said(capsys, "importance --json", tmp_path)
    assert isinstance(ranked, dict)
    assert all(isinstance(each["psi"], float) for each in ranked["dimensions"])


def test_options_of_the_prior_are_flags(installed: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    line = "train flowvae --data surv-digits --couplings 2 --set model.hidden=7 --tau 0.5 --dry-run --json"
    values = said(capsys, line, tmp_path)
    assert isinstance(values, dict)
    assert (values["model.couplings"]["value"], values["model.couplings"]["origin"]) == (2, "--couplings")
    assert (values["model.hidden"]["value"], values["model.tau"]["value"]) == (7, 0.5)


def test_its_own_tests_pass(install: Callable[[str], Path]) -> None:
    run_own_tests("survembed-flow", install("survembed-flow"))
