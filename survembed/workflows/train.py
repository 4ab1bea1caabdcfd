"""Train a model on a cohort: from a configuration to a finished run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from survembed import registry
from survembed.cohort import Cohort
from survembed.component import Component
from survembed.errors import RunError, UsageError
from survembed.models.base import Model
from survembed.progress import QUIET, Reporter
from survembed.run import Run, Runs
from survembed.split import as_ids, split
from survembed.storage import write_json
from survembed.subjects import CohortHeader
from survembed.training.images import Images
from survembed.training.loop import Outcome, Study, fit
from survembed.training.options import SplitOptions, TrainOptions
from survembed.workflows.prepare import prepare


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training: names and components of its parts, and the seed.

    Attributes
    ----------
    dataset, model, head
        Names in the registry; `head` is None for a model without one.
    data, network, cox
        The components of those names.
    train, split
        Options of training and split.
    seed
        Of weights, batches and samples.
    device
        `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
    """

    dataset: str
    data: Component
    model: str
    network: Component
    head: str | None = None
    cox: Component | None = None
    train: TrainOptions = field(default_factory=TrainOptions)
    split: SplitOptions = field(default_factory=SplitOptions)
    seed: int = 0
    device: str = "auto"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `config.json` holds them; also a valid `--config` once written as TOML."""
        return {
            "seed": self.seed,
            "device": self.device,
            "data": {"name": self.dataset, **self.data.model_dump(mode="json")},
            "model": {"name": self.model, **self.network.model_dump(mode="json")},
            "head": {"name": self.head, **self.cox.model_dump(mode="json")} if self.cox else None,
            "train": self.train.model_dump(mode="json"),
            "split": self.split.model_dump(mode="json"),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainConfig:
        """The configuration that `to_dict` described.

        Raises
        ------
        PluginError
            When a component is no longer installed.
        """

        def component(kind: str, section: dict[str, Any]) -> tuple[str, Component]:
            options = dict(section)
            name = str(options.pop("name"))
            return name, registry.load(kind, name).configure(name, options)

        dataset, data = component("datasets", values["data"])
        model, network = component("models", values["model"])
        head, cox = component("heads", values["head"]) if values["head"] else (None, None)
        return cls(
            dataset,
            data,
            model,
            network,
            head,
            cox,
            TrainOptions(**values["train"]),
            SplitOptions(**values["split"]),
            values["seed"],
            values["device"],
        )


def train(config: TrainConfig, *, runs_dir: Path, name: str | None = None, reporter: Reporter = QUIET) -> Run:
    """Train, and leave a finished run in `runs_dir` as the latest one.

    The best weights so far are on disk at any moment. After Ctrl-C the run is closed with them and counts as finished,
    with `end` = `interrupted`; an error before the first weights removes the folder.

    Parameters
    ----------
    config
        What to train on what.
    runs_dir
        Folder of all runs.
    name
        Part of the run's id; by default model and dataset.

    Raises
    ------
    DataError
        When the cohort cannot be prepared or divided.
    RunError
        When training diverges.
    """
    device = find_device(config.device)
    with prepare(config.data, config.dataset, reporter=reporter) as cohort:
        subjects = cohort.subjects
        if (subjects.duration == 0).any():
            reporter.say(f"{int((subjects.duration == 0).sum())} subject(s) with a duration of 0 are kept")
        parts = split(subjects, config.split)
        options = config.train.resolved(len(cohort.shape), len(parts["train"]))
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            model = build_model(config, cohort.header).to(device)
        study = Study(
            Images(cohort, device),
            torch.from_numpy(subjects.duration),
            torch.from_numpy(subjects.event),
            torch.from_numpy(parts["train"]),
            torch.from_numpy(parts["validation"]),
        )
        model.fit_input(*study.images.mean_and_deviation(study.train, options.batch_size))
        model.fit_outcome(study.duration[study.train], study.event[study.train])
        run = Run.create(
            runs_dir, name or f"{config.model}-{config.dataset}", _record(config, cohort, model), config.to_dict()
        )
        write_json(run.path / "split.json", as_ids(parts, subjects))
        try:
            outcome = fit(
                model,
                study,
                options,
                seed=config.seed,
                reporter=reporter,
                on_record=run.append_metrics,
                on_best=run.save_weights,
            )
        except BaseException as error:
            if (run.path / "model.safetensors").is_file():
                run.update(status="failed", reason=str(error) or type(error).__name__)
            else:
                run.discard()
            raise
        _finish(run, outcome, options)
    Runs(runs_dir).set_latest(run)
    return run


def build_model(config: TrainConfig, header: CohortHeader) -> Model:
    """The untrained model of a configuration, for images as `header` describes."""
    model = config.network.build(header.channels, header.shape, config.cox)
    if not isinstance(model, Model):
        raise UsageError(f"'{config.model}' did not build a model", where=config.model)
    return model


def load_model(run: Run, device: str = "cpu") -> Model:
    """The trained model of a finished run, in evaluation mode.

    Raises
    ------
    RunError
        When weights or configuration are damaged.
    """
    model = build_model(read_config(run), CohortHeader.from_dict(run.record["cohort"]["header"]))
    run.load_weights(model)
    return model.to(find_device(device))


def read_config(run: Run) -> TrainConfig:
    """The configuration of a run.

    Raises
    ------
    RunError
        When `config.json` is missing or damaged.
    PluginError
        When a component is no longer installed.
    """
    try:
        return TrainConfig.from_dict(run.read("config.json"))
    except (KeyError, TypeError, ValueError) as error:  # a section, a name or an option that is not there or is wrong
        raise RunError(
            f"the configuration of run {run.id} is damaged: {str(error).splitlines()[0]}",
            where=str(run.path / "config.json"),
            try_="train again",
        ) from error


def find_device(name: str) -> torch.device:
    """The device of that name; `auto` takes a GPU where there is one.

    Raises
    ------
    UsageError
        When there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(
            f"no device '{name}' here",
            where=f"--device {name}",
            expected="cpu, cuda, cuda:N, mps or auto",
            try_="--device cpu",
        ) from error
    return device


def _record(config: TrainConfig, cohort: Cohort, model: Model) -> dict[str, Any]:
    abilities = (["decode"] if model.decodes else []) + (["hazard"] if model.head is not None else [])
    return {
        "model": config.model,
        "head": config.head,
        "dataset": config.dataset,
        "seed": config.seed,
        "abilities": abilities,
        "latent_dim": model.latent_dim,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "cohort": {
            "fingerprint": cohort.fingerprint,
            "header": cohort.header.to_dict(),
            "subjects": len(cohort),
            "events": int(cohort.subjects.event.sum()),
        },
    }


def _finish(run: Run, outcome: Outcome, options: TrainOptions) -> None:
    run.update(
        status="finished",
        finished=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        outcome=asdict(outcome),
        train=options.model_dump(mode="json"),
    )
