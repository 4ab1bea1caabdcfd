"""Train a model on a cohort: from a configuration to a finished run."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from survembed import registry
from survembed.cohort.cohort import Cohort
from survembed.cohort.prepare import prepare
from survembed.errors import RunError
from survembed.models.base import Model
from survembed.progress import QUIET, Reporter
from survembed.runs.configuration import TrainConfig, read_config
from survembed.runs.embedding import build_model
from survembed.runs.run import Run, Runs
from survembed.runs.tracking import tracked
from survembed.storage.files import write_json
from survembed.training.checkpoint import Checkpoint
from survembed.training.device import find_device
from survembed.training.images import Images
from survembed.training.loop import fit
from survembed.training.options import TrainOptions
from survembed.training.processes import Processes, joined, launched
from survembed.training.recorder import TrainingOutcome
from survembed.training.split import as_ids, split
from survembed.training.training_data import TrainingData

FEWEST_EVENTS = 10
"""Fewer events in the validation part do not tell good weights from bad ones."""


def train(config: TrainConfig, *, runs_dir: Path, name: str | None = None, reporter: Reporter = QUIET) -> Run:
    """Train, and leave a finished run in `runs_dir` as the latest one.

    The best weights so far are on disk at any moment. After Ctrl-C the run is closed with them and counts as finished,
    with `end` = `interrupted`; after SIGTERM its status is `stopped`. Either can be resumed, and so can a run whose
    process was killed. An error before the first weights removes the folder. Started by torchrun, this process works
    with the others on one run, and after a restart takes it up where it stood.

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
    PluginError
        When a tracker cannot be used.
    RunError
        When training diverges.
    """
    with joined(find_device(config.device)) as processes:
        begun = _begun_by_this_launch(runs_dir) if processes.first else None
        path = processes.agree_on_text(str(begun.path) if begun else "")
        return _Training(config, runs_dir, processes, reporter).work(Run(Path(path)) if path else None, name)


def resume(run: Run, *, reporter: Reporter = QUIET) -> Run:
    """Continue a run that did not end by itself, from its last checkpoint.

    On the same machine, with as many threads, the weights become bit for bit those of a run that was never disturbed.

    Raises
    ------
    RunError
        When the run is finished or running, or is damaged, or its data have changed.
    """
    interrupted = run.status == "finished" and run.record["outcome"]["end"] == "interrupted"
    if run.status in ("finished", "running") and not interrupted and not launched():
        raise RunError(
            f"run {run.id} is {run.status}: there is nothing to resume",
            where=str(run.path),
            expected="a run that was interrupted, stopped or cut short",
            try_="survembed runs list",
        )
    config = read_config(run)
    with joined(find_device(config.device)) as processes:
        return _Training(config, run.path.parent, processes, reporter).work(run, None)


def _begun_by_this_launch(runs_dir: Path) -> Run | None:
    """The run that torchrun's earlier attempt at this very training left, where there is one."""
    if not launched():
        return None
    mine = (run for run in reversed(Runs(runs_dir).list()) if run.record.get("launch") == _launch())
    return next(mine, None)


def _launch() -> str | None:
    return os.environ.get("TORCHELASTIC_RUN_ID") if launched() else None


class _Training:
    """One training, by this process or by several."""

    def __init__(self, config: TrainConfig, runs_dir: Path, processes: Processes, reporter: Reporter) -> None:
        self.config, self.runs_dir, self.processes = config, runs_dir, processes
        self.reporter = reporter if processes.first else QUIET
        self.trackers = [registry.load("trackers", name) for name in config.train.trackers]

    def work(self, run: Run | None, name: str | None) -> Run:
        """Train from the start, or on from the checkpoint of `run`."""
        if not self.processes.first:
            self.processes.agree(0)  # the first prepares the data, the others wait and find them
        with prepare(self.config.data.component, self.config.data.name, reporter=self.reporter) as cohort:
            if self.processes.first:
                self.processes.agree(0)
            subjects = cohort.subjects
            parts = split(subjects, self.config.split)
            options = self.config.train.resolved(len(cohort.shape), len(parts["train"]))
            study = _study(cohort, parts, self.processes.device)
            checkpoint = self._checkpoint(run, cohort)
            model = self._model(cohort, study, options, checkpoint)
            if run is None:
                self._warn_of_few_events(model, subjects.event[parts["validation"]])
                if (subjects.duration == 0).any():
                    zeros = int((subjects.duration == 0).sum())
                    self.reporter.say(f"{zeros} subject(s) with a duration of 0 are kept")
                run = self._create(name, cohort, model)
            if self.processes.first:
                write_json(run.path / "split.json", as_ids(parts, subjects))
            outcome = self._fit(run, model, study, options, checkpoint)
            if self.processes.first:
                _close(run, outcome, options)
        if self.processes.first and run.status == "finished":
            Runs(self.runs_dir).set_latest(run)
        return run

    def _warn_of_few_events(self, model: Model, validation: NDArray[np.bool_]) -> None:
        """Warn where few events alone choose the weights; a model that decodes is also judged by its other terms."""
        if model.head is not None and not model.decodes and len(validation) and validation.sum() < FEWEST_EVENTS:
            self.reporter.warn(
                f"{validation.sum()} event(s) in the validation part: which weights are kept is nearly chance; "
                "--set split.validation=0 trains on all subjects, to the end"
            )

    def _checkpoint(self, run: Run | None, cohort: Cohort) -> Checkpoint | None:
        if run is None:
            return None
        if run.record["cohort"]["fingerprint"] != cohort.fingerprint:
            raise RunError(
                f"the data of run {run.id} have changed since it began",
                where=str(run.path / "config.json"),
                expected=f"a cohort with fingerprint {run.record['cohort']['fingerprint'][:16]}",
                try_="train anew, or put the old data back",
            )
        checkpoint = run.load_checkpoint()
        update = checkpoint.progress.update if checkpoint else 0
        if run.record.get("threads") != torch.get_num_threads():
            self.reporter.warn(
                f"the run began with {run.record.get('threads')} thread(s), now there are {torch.get_num_threads()}: "
                "it continues well, but not bit for bit"
            )
        if self.processes.first:
            run.cut_metrics(update)
            run.update(status="running", process=os.getpid())
            self.reporter.say(f"resuming {run.id} after update {update}")
        return checkpoint

    def _model(
        self, cohort: Cohort, study: TrainingData, options: TrainOptions, checkpoint: Checkpoint | None
    ) -> Model:
        config = self.config
        with torch.random.fork_rng():
            torch.manual_seed(self.config.seed)
            model = build_model(config.model, config.head, cohort.channels, cohort.shape).to(self.processes.device)
        if checkpoint is None:  # else it is among the weights
            study.fit_statistics(model, options.batch_size)
        return model

    def _create(self, name: str | None, cohort: Cohort, model: Model) -> Run:
        path = ""
        if self.processes.first:
            record = {**_record(self.config, cohort, model), "processes": self.processes.count, "launch": _launch()}
            name = name or f"{self.config.model.name}-{self.config.data.name}"
            path = str(Run.create(self.runs_dir, name, record, self.config.to_dict()).path)
        return Run(Path(self.processes.agree_on_text(path)))

    def _fit(
        self,
        run: Run,
        model: Model,
        study: TrainingData,
        options: TrainOptions,
        checkpoint: Checkpoint | None,
    ) -> TrainingOutcome:
        try:
            with tracked(run, self.trackers if self.processes.first else []) as keeper:
                return fit(
                    model,
                    study,
                    options,
                    seed=self.config.seed,
                    reporter=self.reporter,
                    keeper=keeper,
                    resume=checkpoint,
                    processes=self.processes,
                )
        except BaseException as error:
            if not self.processes.first:
                raise
            if (run.path / "model.safetensors").is_file():
                run.update(status="failed", reason=str(error) or type(error).__name__)
            elif self.processes.count == 1:
                run.discard()
            raise


def _study(cohort: Cohort, parts: dict[str, NDArray[np.int64]], device: torch.device) -> TrainingData:
    return TrainingData(
        Images(cohort, device),
        torch.from_numpy(cohort.subjects.duration),
        torch.from_numpy(cohort.subjects.event),
        torch.from_numpy(parts["train"]),
        torch.from_numpy(parts["validation"]),
    )


def _record(config: TrainConfig, cohort: Cohort, model: Model) -> dict[str, Any]:
    abilities = (["decode"] if model.decodes else []) + (["hazard"] if model.head is not None else [])
    return {
        "model": config.model.name,
        "head": config.head.name if config.head else None,
        "dataset": config.data.name,
        "seed": config.seed,
        "abilities": abilities,
        "latent_dim": model.latent_dim,
        "threads": torch.get_num_threads(),
        "loss_weights": model.loss_weights,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "cohort": {
            "fingerprint": cohort.fingerprint,
            "header": cohort.header.to_dict(),
            "subjects": len(cohort),
            "events": int(cohort.subjects.event.sum()),
        },
    }


def _close(run: Run, outcome: TrainingOutcome, options: TrainOptions) -> None:
    """Say in `run.json` how training ended; what only a resumption needs goes once there is nothing to resume."""
    if outcome.end == "terminated":
        run.update(status="stopped", outcome=asdict(outcome))
        return
    run.update(
        status="finished",
        finished=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        outcome=asdict(outcome),
        train=options.model_dump(mode="json"),
    )
    if outcome.end != "interrupted":
        run.drop_checkpoint()
