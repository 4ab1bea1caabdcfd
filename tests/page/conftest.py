"""Small runs, trained once, and their pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from survembed.cli.main import main
from survembed.runs.run import Runs
from survembed.runs.trained_model import TrainedModel
from survembed.workflows.explore import Explorer
from survembed.workflows.train import train
from tests.page.served import Served
from tests.planted import install
from tests.trained import config

Explorers = Callable[..., Explorer]
Pages = Callable[[str], Served]

SMALL = "--set model.width=4 --set model.blocks=2 --set train.precision=float32 --device cpu"
RUNS = {
    "phantom": "coxvae --data liver --set data.size=20,16,12 --set data.n_subjects=40 --updates 25 --batch-size 16",
    "digits": "coxvae --data surv-digits --updates 40",
}
PLANTED = {"volume": "coxvae", "headless": "vae", "petct": "coxvae"}


@pytest.fixture(scope="session")
def explorers(tmp_path_factory: pytest.TempPathFactory) -> Explorers:
    """Gives the explorer of one of `RUNS` or `PLANTED`, trained on the first call."""
    packages = tmp_path_factory.mktemp("plugins")
    install(packages)

    @cache
    def make(name: str) -> Explorer:
        folder = tmp_path_factory.mktemp(name)
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(packages)
            patch.setenv("SURVEMBED_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
            if name in PLANTED:
                train(config("image" if name == "headless" else name, PLANTED[name]), runs_dir=folder)
            else:
                with pytest.raises(SystemExit):
                    main(["train", *RUNS[name].split(), *SMALL.split(), "--runs-dir", str(folder)])
            return Explorer(TrainedModel.open(Runs(folder).find()))

    return make


@pytest.fixture(scope="session")
def pages(explorers: Explorers) -> Iterator[Pages]:
    """Gives the page of one of these, served in a thread."""
    served: list[Served] = []

    @cache
    def make(name: str) -> Served:
        served.append(Served.of(explorers(name)))
        return served[-1]

    yield make
    for each in served:
        each.stop()
