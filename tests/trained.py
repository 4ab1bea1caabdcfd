"""Finished runs on the planted dataset, trained once; the dataset is installed as a plugin."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from survembed import registry
from survembed.datasets import Liver, SurvDigits, Tabular
from survembed.runs.configuration import Chosen, TrainConfig
from survembed.runs.jobs.job import SweepFolder
from survembed.runs.jobs.options import SweepOptions
from survembed.runs.jobs.sweep import Sweep
from survembed.runs.run import Run, Runs
from survembed.training.options import SplitOptions, TrainOptions
from survembed.workflows import sweep as sweeping
from survembed.workflows.job import work_on
from survembed.workflows.sweep import sweep
from survembed.workflows.train import train
from tests.measured import Measured
from tests.packages import add_package
from tests.planted import Planted, install
from tests.small import SMALL
from tests.studies import write_rows, write_study

Made = Callable[..., Run]


def config(kind: str = "image", model: str = "coxvae", head: str = "linear", **options: Any) -> TrainConfig:
    """A small training; options are those of the model, `train`, `split` and `data`."""
    train_options = {"updates": 30, "batch_size": 16, "rate": 1e-2, "precision": "float32", **options.pop("train", {})}
    split_options = {"test": 0.25, **options.pop("split", {})}
    data = Planted(kind=kind, **options.pop("data", {}))
    network = registry.load("models", model).configure(model, {**SMALL, **options})
    return TrainConfig(
        data=Chosen("planted", data),
        model=Chosen(model, network),
        head=None if model == "vae" else Chosen(head, registry.load("heads", head)()),
        train=TrainOptions(**train_options),
        split=SplitOptions(**split_options),
        device="cpu",
    )


@pytest.fixture(scope="session")
def plugin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugins")
    install(folder)
    add_package(folder, "measured-data", "from tests.measured import Measured", {"datasets": {"measured": "Measured"}})
    return folder


@pytest.fixture
def plugin(plugin_folder: Path, own_folders: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dataset `planted` is installed."""
    monkeypatch.syspath_prepend(plugin_folder)


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory, plugin_folder: Path) -> Made:
    """Gives the run of a configuration, trained on the first call."""
    made: dict[tuple[str, str, str], Run] = {}

    def make(kind: str, model: str, head: str) -> Run:
        if (kind, model, head) not in made:
            runs = tmp_path_factory.mktemp("runs")
            made[kind, model, head] = train(config(kind, model, head), runs_dir=runs)
        return made[kind, model, head]

    return make


@pytest.fixture
def a_run(trained_once: Made, tmp_path: Path) -> Made:
    """A copy of the run of a configuration, to do with as one likes; it is the latest of its folder."""

    def copy(kind: str = "image", model: str = "coxvae", head: str = "linear") -> Run:
        original = trained_once(kind, model, head)
        shutil.copytree(original.path, tmp_path / "runs" / original.id)
        run = Run(tmp_path / "runs" / original.id)
        Runs(tmp_path / "runs").set_latest(run)
        return run

    return copy


@pytest.fixture(scope="session")
def trained_on(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The run of a dataset of ours, trained on first call."""
    made: dict[tuple[str, ...], Run] = {}

    def make(kind: str, head: str = "linear", model: str = "coxvae") -> Run:
        if (kind, head, model) not in made:
            folder = tmp_path_factory.mktemp(kind)
            data: Any = {
                "liver": lambda: Liver(
                    root=write_study(folder / "study"), size=(24, 24, 24), fov_mm=(120.0, 120.0, 120.0)
                ),
                "surv-digits": SurvDigits,
                "tabular": lambda: Tabular(root=write_rows(folder / "rows.csv")),
            }[kind]()
            settings = config("table", model, head, train={"updates": 25})
            made[kind, head, model] = train(replace(settings, data=Chosen(kind, data)), runs_dir=folder / "runs")
        return made[kind, head, model]

    return make


def inline(
    folder: SweepFolder, keys: Sequence[str], slots: object, threads: int, on_answer: Callable[[dict[str, str]], None]
) -> None:
    """The runs of a sweep in this process, one after the other."""
    for key in keys:
        on_answer(work_on(folder, key))


def measured_config(model: str, **options: Any) -> TrainConfig:
    """A small training on volumes with measures and covariates."""
    return replace(config("volume", model, **options), data=Chosen("measured", Measured(kind="volume")))


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory, plugin_folder: Path) -> Sweep:
    """Two values of τ, a VAE and a DeepSurv on two folds and two seeds, all finished; to be read only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(plugin_folder)
        patch.setenv("SURVEMBED_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.setattr(sweeping, "run_local", inline)
        # By default the reconstruction is learnt at either τ within 50 updates; with a weight of 1, τ decides.
        decoding = [measured_config(m, reconstruction_weight=1.0, train={"updates": 50}) for m in ("coxvae", "vae")]
        configs = [*decoding, measured_config("deepsurv", train={"updates": 50})]
        axes = SweepOptions(taus=(0.1, 0.9), seeds=(0, 1), folds=2)
        made = sweep(configs, axes, tmp_path_factory.mktemp("swept"))
        assert set(made.states().values()) == {"finished"}, made.failures()
        return made
