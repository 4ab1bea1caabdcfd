"""A head that is not Cox's, installed as a user installs it: no command takes the head for linear, or for Cox's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from safetensors.numpy import load_file

from survembed.evaluation.survival_band import SurvivalBand
from survembed.runs.run import Run, Runs
from survembed.runs.trained_model import TrainedModel
from survembed.workflows.explore import Explorer
from tests.cli.command import survembed
from tests.contract.own_tests import run_own_tests

SHORT = "--data surv-digits --updates 100 --width 8 --blocks 1 --latent-dim 8 --rate 0.005"


@pytest.fixture
def installed(install: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = install("survembed-weibull")
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_every_command_takes_it(installed: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def said(line: str) -> Any:
        answer = survembed(capsys, *line.split(), "--runs-dir", str(tmp_path), "--json")
        assert answer.code == 0, answer.err
        return json.loads(answer.out)

    said(f"train coxvae --head weibull {SHORT}")
    weights = load_file(Runs(tmp_path).find().path / "model.safetensors")
    psi = -np.exp(weights["head.log_rho"]) * weights["head.beta"]
    assert np.exp(weights["head.log_unit"][0]) > 10  # the unit of time came from the training part
    own = said("evaluate --downstream coxph --bootstrap 0")["rows"][0]
    assert own["harrell_c"]["value"] > 0.7  # the truth has 0.82
    assert own["ibs"]["value"] < 0.2
    run = Runs(tmp_path).find()
    table = tmp_path / "predictions.csv"
    said(f"evaluate --downstream coxph --bootstrap 0 --predictions {table}")
    survival_of_head(run, weights, table)
    ranked = said("importance")["dimensions"]
    np.testing.assert_allclose([each["psi"] for each in ranked], psi, rtol=1e-5)
    np.testing.assert_allclose([each["hazard_ratio"] for each in ranked], np.exp(psi), rtol=1e-5)
    risk, walked = said("traverse --dim 1 --risk --raw --steps 3")["rows"]
    assert walked["psi"] == pytest.approx(float(psi[1]), rel=1e-5)
    np.testing.assert_allclose(np.diff(walked["log_hazard"]), 4 * psi[1], rtol=1e-3)
    assert risk["log_hazard"] == sorted(risk["log_hazard"])


def survival_of_head(run: Run, weights: dict[str, np.ndarray], table: Path) -> None:
    """`evaluate`, the explorer and the curves of `predict` show the head's own S(t) = exp(-(t/lambda)^rho)."""
    rho = np.exp(weights["head.log_rho"])

    def weibull(z: np.ndarray, times: np.ndarray) -> np.ndarray:
        scale = np.exp(weights["head.log_unit"] + weights["head.alpha"] + z @ weights["head.beta"])
        return np.exp(-((times / scale[:, None]) ** rho))

    model = TrainedModel.open(run)
    predicted = pd.read_csv(table).query("model == 'base'")
    columns = [name for name in predicted if name.startswith("S_")]
    times = np.array([float(name[2:]) for name in columns])
    z = model.latents.z[[model.latents.id.tolist().index(str(each)) for each in predicted["id"]]].astype(np.float64)
    np.testing.assert_allclose(predicted[columns], weibull(z, times), atol=1e-5)
    explorer = Explorer(model)
    scene, described = explorer.scene(z[0]).numbers, explorer.describe()
    assert not described["has_interval"]
    np.testing.assert_allclose(scene["survival"][0], weibull(z[:1], np.array(described["times"]))[0], atol=1e-5)
    assert set(scene["survival"][1]) == set(scene["survival"][2]) == {None}
    json.dumps(scene, allow_nan=False)
    survival = SurvivalBand(model).survival(z[:3])
    assert not survival.has_interval
    np.testing.assert_allclose(survival.value, weibull(z[:3], survival.times), atol=1e-5)


def test_predict_shows_no_interval(
    installed: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither the JSON, the terminal nor the page of `predict` contains NaN or mentions an interval."""
    np.save(tmp_path / "digit.npy", np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8))
    trained = survembed(capsys, *f"train coxvae --head weibull {SHORT} --runs-dir {tmp_path}".split())
    assert trained.code == 0, trained.err
    run = Runs(tmp_path).find()
    command = f"predict --image {tmp_path / 'digit.npy'} --run {run.path} --out {tmp_path / 'out'}".split()

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} in JSON")

    predicted = survembed(capsys, *command, "--json")
    assert predicted.code == 0, predicted.err
    for content in (predicted.out, (tmp_path / "out" / "prediction.json").read_text()):
        (subject,) = json.loads(content, parse_constant=refuse)["subjects"]
        assert None not in subject["survival"]
        assert set(subject["survival_low"]) == set(subject["survival_high"]) == {None}
    texts: list[str] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: texts.extend(_texts(figure)))
    texts += survembed(capsys, *command).out.splitlines()
    assert "predicted" in texts
    assert not [text for text in texts if "nan" in text.lower() or "interval" in text.lower()]


def _texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


def test_its_own_tests_pass(install: Callable[[str], Path]) -> None:
    run_own_tests("survembed-weibull", install("survembed-weibull"))
