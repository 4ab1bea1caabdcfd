"""Small runs, trained once, and the page of a run served as a user would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from survembed.cli.main import main
from survembed.run import Run, Runs
from survembed.workflows.explore import Explorer
from survembed.workflows.train import train
from survembed.workflows.viewer import Viewer
from tests.page.served import Served, serving
from tests.planted import install
from tests.workflows.conftest import config

Explorers = Callable[..., Explorer]
Pages = Callable[[str], Served]

SMALL = "--set model.width=4 --set model.blocks=2 --set train.precision=float32 --device cpu"
RUNS = {
    "phantom": "coxvae --data liver --set data.size=20,16,12 --set data.n_subjects=40 --updates 25 --batch-size 16",
    "digits": "coxvae --data surv-digits --updates 40",
    "headless": "vae --data surv-digits --updates 15",
}


@pytest.fixture(scope="session")
def explorers(tmp_path_factory: pytest.TempPathFactory) -> Explorers:
    """Gives the explorer of a model on planted images, trained on the first call."""
    packages = tmp_path_factory.mktemp("plugins")
    install(packages)

    @cache
    def make(kind: str = "volume", model: str = "coxvae") -> Explorer:
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(packages)
            patch.setenv("SURVEMBED_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
            return Explorer(Viewer.open(train(config(kind, model), runs_dir=tmp_path_factory.mktemp("runs"))))

    return make


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """Gives one of `RUNS`, trained and embedded on the first call."""
    cached = tmp_path_factory.getbasetemp() / "cache"

    @cache
    def make(name: str) -> Run:
        folder = tmp_path_factory.mktemp(name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SURVEMBED_CACHE", str(cached))
            with pytest.raises(SystemExit):
                main(["train", *RUNS[name].split(), *SMALL.split(), "--runs-dir", str(folder)])
            run = Runs(folder).find()
            Viewer.open(run)
        return run

    return make


@pytest.fixture(scope="session")
def pages(runs: Callable[[str], Run], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Gives the served page of one of `RUNS`; all of them end well at Ctrl-C."""
    served: list[Served] = []
    cached: Path = tmp_path_factory.getbasetemp() / "cache"

    @cache
    def make(name: str) -> Served:
        served.append(serving(runs(name).path, environment={"SURVEMBED_CACHE": str(cached)}))
        return served[-1]

    yield make
    for each in served:
        assert each.stop() == 0
