"""Configurations: light, written and read back, refused when damaged."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from survembed.errors import PluginError, RunError
from survembed.runs.configuration import TrainConfig, choose_model, read_config
from survembed.runs.embedding import load_model
from survembed.runs.settings import Settings
from survembed.storage.files import read_json
from tests.trained import Made, config


def test_a_configuration_needs_no_torch() -> None:
    modules = "survembed.runs.configuration, survembed.runs.settings, survembed.runs.run"
    code = f"import {modules}, sys; print({{'torch', 'numpy', 'pandas', 'scipy'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(("model", "head"), [("coxvae", "linear"), ("coxvae", "deepsurv"), ("vae", "linear")])
def test_a_configuration_there_and_back(model: str, head: str) -> None:
    there = config("volume", model, head, beta=0.7)
    values = there.to_dict()
    assert values["model"]["name"] == model
    assert values["head"] is None or values["head"]["name"] == head
    assert TrainConfig.from_dict(json.loads(json.dumps(values))) == there


def test_a_model_brings_its_default_head() -> None:
    model, head = choose_model(Settings.gather(assignments=["model.tau=0.3", "head.ties=efron"]), "coxvae")
    assert head is not None
    assert (head.name, head.component.model_dump()["ties"]) == ("linear", "efron")
    assert model.component.model_dump()["tau"] == 0.3
    assert choose_model(Settings.gather(), "vae")[1] is None


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.pop("model"),
        lambda c: c["data"].pop("name"),
        lambda c: c["train"].update(updates="many"),
        lambda c: c.update(split=None),
        lambda c: c.update(head=3),
    ],
)
def test_a_damaged_configuration(a_run: Made, change: object) -> None:
    run = a_run()
    values = read_json(run.path / "config.json")
    change(values)  # type: ignore[operator]
    run.write("config.json", values)
    with pytest.raises(RunError, match="is damaged"):
        read_config(run)


def test_a_component_that_is_gone(a_run: Made) -> None:
    run = a_run()
    values = read_json(run.path / "config.json")
    values["model"]["name"] = "uninstalled"
    run.write("config.json", values)
    with pytest.raises(PluginError, match="no model named 'uninstalled'"):
        load_model(run)
