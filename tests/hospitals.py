"""Two phantom hospitals, and a run trained on one of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from survembed.datasets import Liver
from survembed.runs.configuration import Chosen
from survembed.runs.run import Run, Runs
from survembed.workflows.train import train
from tests.studies import write_hospital
from tests.trained import config

SIZE = (16, 16, 16)


@pytest.fixture(scope="session")
def hospitals(tmp_path_factory: pytest.TempPathFactory, plugin_folder: Path) -> dict[str, Path]:
    """`north`, where the run was trained, `south`, where patients die 2.5 times sooner, and `runs`."""
    folder = tmp_path_factory.mktemp("hospitals")
    north = write_hospital(folder / "north", 80, 1)
    south = write_hospital(folder / "south", 60, 2, days=360.0, offset=12, noise=8.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SURVEMBED_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        settings = config("volume", "deepsurv", train={"updates": 150}, split={"test": 0.3, "validation": 0.0})
        data = Chosen("liver", Liver(root=north, size=SIZE))
        train(replace(settings, data=data), runs_dir=folder / "runs")
    return {"north": north, "south": south, "runs": folder / "runs"}


@pytest.fixture
def hospital_run(hospitals: dict[str, Path], tmp_path: Path) -> Run:
    """A copy of the run."""
    original = Runs(hospitals["runs"]).find()
    shutil.copytree(original.path, tmp_path / "runs" / original.id)
    run = Run(tmp_path / "runs" / original.id)
    Runs(tmp_path / "runs").set_latest(run)
    return run
