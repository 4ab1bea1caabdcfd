"""Finished runs of clinical + image models on planted covariates, trained once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from survembed.runs.configuration import Chosen, TrainConfig
from survembed.runs.run import Run
from survembed.workflows.train import train
from tests import clinical
from tests.clinical import Clinical
from tests.trained import config

Trained = Callable[..., Run]


@pytest.fixture(scope="session")
def clinical_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clinical")
    clinical.install(folder)
    return folder


@pytest.fixture
def clinical_plugin(clinical_folder: Path, own_folders: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(clinical_folder)


def settings(covariates: tuple[str, ...] = ("age", "stage"), model: str = "coxvae", **data: Any) -> TrainConfig:
    options = {"updates": 60, "batch_size": 64, "covariates": covariates}
    made = config("image", model, train=options, split={"test": 0.3})
    return replace(made, data=Chosen("clinical", Clinical(**data)))


@pytest.fixture(scope="session")
def trained_with(tmp_path_factory: pytest.TempPathFactory, clinical_folder: Path) -> Trained:
    """The run of a model, trained on the first call; to be read only."""
    made: dict[str, Run] = {}

    def make(model: str = "coxvae") -> Run:
        if model not in made:
            made[model] = train(settings(model=model, missing=0.1), runs_dir=tmp_path_factory.mktemp("runs"))
        return made[model]

    return make
