"""Heads with survival functions of their own, one of a plugin and one built in: each command takes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from survembed.runs.run import Runs
from survembed.runs.trained_model import TrainedModel
from survembed.workflows.explore import Explorer
from tests.cli.command import survembed

SHORT = "--set train.updates=20 --set model.width=8 --set model.blocks=1 --set model.latent_dim=3"
COMMANDS = (
    "evaluate --downstream coxph --bootstrap 0",
    "importance",
    "traverse --risk --dim 0 --steps 3 --out {out}",
    "explain digit-0003 --steps 2 --out {out}",
    "figure survival --out {out} --bootstrap 0",
    "predict --image {out}/digit.npy --out {out}/prediction.csv",
)


def refuse(name: str) -> None:
    raise AssertionError(f"{name} in JSON")


@pytest.mark.parametrize("head", ["weibull", "discrete"])
def test_each_command_takes_a_head_with_survival_functions_of_its_own(
    head: str,
    install: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.syspath_prepend(str(install("survembed-weibull")))
    np.save(tmp_path / "digit.npy", np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8))
    runs = tmp_path / "runs"

    def said(line: str) -> Any:
        answer = survembed(capsys, *line.format(out=tmp_path).split(), "--runs-dir", str(runs), "--json")
        assert answer.code == 0, answer.err
        return json.loads(answer.out, parse_constant=refuse)

    said(f"train coxvae --data surv-digits --head {head} {SHORT}")
    answers = {line.split()[0]: said(line) for line in COMMANDS}
    trained = TrainedModel.open(Runs(runs).find())
    slope = trained.gradient(trained.coordinates().centre)
    shown = {each["number"]: each["psi"] for each in answers["importance"]["dimensions"]}
    np.testing.assert_allclose([shown[number] for number in range(3)], slope, rtol=1e-5)
    risk = answers["traverse"]["rows"][0]
    assert risk["log_hazard"] == sorted(risk["log_hazard"])
    (subject,) = answers["predict"]["subjects"]
    assert subject["survival"][0] == 1
    assert all(np.diff(subject["survival"]) <= 1e-12)
    Explorer(trained).scene(trained.latents.z[0].astype(np.float64))
    page = survembed(capsys, "report", "--out", str(tmp_path / "report.html"), "--runs-dir", str(runs))
    assert page.code == 0, page.err
    swept = f"--data surv-digits --set model.head={head} {SHORT} --seeds 0 --bootstrap 0 --json"
    for command in (
        () if head == "weibull" else ("benchmark --models coxvae --folds 2 --downstream coxph", "tau --taus 0.2,0.8")
    ):
        line = f"{command} {swept} --sweep-dir {tmp_path / command.split()[0]}"
        answer = survembed(capsys, *line.split())
        assert answer.code == 0, answer.err
        json.loads(answer.out, parse_constant=refuse)
