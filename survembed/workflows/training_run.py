"""A training and its run folder: cohort, split, model, lock, weights and record."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from survembed import registry
from survembed.cohort.cohort import Cohort
from survembed.cohort.covariate_encoder import CovariateEncoder
from survembed.cohort.prepare import prepare
from survembed.errors import DataError, RunError, SurvembedError, UsageError
from survembed.evaluation.summary import keep_summary
from survembed.models.base import Model
from survembed.progress import QUIET, Reporter
from survembed.runs.configuration import TrainConfig
from survembed.runs.embedding import build_model
from survembed.runs.run import STATE, Run, Runs
from survembed.runs.sole_writer import sole_writer
from survembed.runs.tracked_run import run_recorder
from survembed.survival.outcome import Float
from survembed.training.checkpoint import Checkpoint
from survembed.training.covariate_effect import refit, start_at_clinical_model
from survembed.training.images import Images
from survembed.training.loop import fit
from survembed.training.options import TrainOptions
from survembed.training.processes import Processes, launched
from survembed.training.recorder import TrainingOutcome
from survembed.training.split import Parts, as_ids, groups_to_leave_out, split
from survembed.training.training_data import TrainingData
from survembed.workflows.covariates import encoder_of
from survembed.workflows.initial_weights import take_initial_weights
from survembed.workflows.require_memory import require_memory
from survembed.workflows.run_record import record_end, record_of_start

FEWEST_EVENTS = 10
"""With fewer events in the validation part, the choice of weights is nearly random."""


def require_unfinished(run: Run) -> None:
    """Refuse to resume a run that has ended by itself.

    Raises
    ------
    RunError
        When there is nothing to resume.
    """
    if run.status == "finished" and run.record["outcome"]["end"] != "interrupted":
        raise RunError(
            f"run {run.id} is finished: there is nothing to resume",
            where=str(run.path),
            expected="a run that was interrupted, stopped or cut short",
            try_="survembed runs list",
        )


class TrainingRun:
    """One training by this process, or by several started by torchrun; the first one writes the run."""

    def __init__(self, config: TrainConfig, runs_dir: Path, processes: Processes, reporter: Reporter) -> None:
        self.config, self.runs_dir, self.processes = config, runs_dir, processes
        self.reporter = reporter if processes.first else QUIET
        self.trackers = [registry.load("trackers", name) for name in config.train.trackers]

    def begin(self, name: str | None) -> Run:
        """Train from the start, in a new run."""
        return self._train(None, name)

    def resume(self, run: Run) -> Run:
        """Train on from the checkpoint of `run`."""
        return self._train(run, None)

    def _train(self, resumed: Run | None, name: str | None) -> Run:
        with ExitStack() as stack:
            if resumed:  # before the cohort, which may take long: another process may train the run
                stack.enter_context(self._sole_writer(resumed))
                require_unfinished(resumed)
            cohort = stack.enter_context(self._prepared_cohort())
            parts = split(cohort.subjects, self.config.split)
            subjects = cohort.subjects
            options = self.config.train.resolved(len(cohort.shape), len(cohort.images_of(parts["train"])))
            encoder = encoder_of(options.covariates, subjects, parts, self.config.data.component, self.reporter)
            x = None if encoder is None else encoder.encode(subjects.covariates)
            data = _training_data(cohort, parts, x, self.processes)
            model = self._untrained_model(cohort, encoder)
            initial = self._initial_weights(resumed, model, cohort, parts)
            data.fit_statistics(model, options.batch_size)
            start_at_clinical_model(model, data)
            require_memory(model, data, options, self.processes.count, self.config.data.component, self.reporter)
            run, checkpoint = resumed, None
            if run:
                checkpoint = self._load_checkpoint(run, cohort, parts)
            else:
                self._report_cohort(cohort, parts, model)
                run = self._create(name, cohort, parts, model, encoder, initial)
                stack.enter_context(self._sole_writer(run))
            if self.processes.first:
                run.write("split.json", as_ids(parts, cohort.subjects))
            outcome = self._fit(run, model, data, options, checkpoint)
            if self.processes.first:
                if encoder and outcome.end != "terminated":
                    self._refit_covariates(run, model, data, encoder)
                record_end(run, outcome, options)
        if self.processes.first and run.status == "finished":
            Runs(self.runs_dir).set_latest(run)
            if outcome.end != "interrupted":
                self._keep_summary(run)
        return run

    def _keep_summary(self, run: Run) -> None:
        try:
            keep_summary(run, device=self.config.device, reporter=self.reporter)
        except SurvembedError as error:  # the run is finished: nothing that follows may spoil it
            self.reporter.warn(f"the latents of the cohort are not stored yet: {error.message}")

    def _prepared_cohort(self) -> Cohort:
        """The cohort; the first process prepares it, and the others then find it in the cache."""
        if not self.processes.first:
            self.processes.agree(0)
        cohort = prepare(self.config.data.component, self.config.data.name, reporter=self.reporter)
        if self.processes.first:
            self.processes.agree(0)
        return cohort

    def _untrained_model(self, cohort: Cohort, encoder: CovariateEncoder | None) -> Model:
        with torch.random.fork_rng():
            torch.manual_seed(self.config.seed)
            model = build_model(self.config.model, self.config.head, cohort.channels, cohort.shape, encoder)
        if cohort.subjects.entry is not None and model.head is not None and not model.head.takes_entry:
            raise UsageError(
                f"the head '{self.config.head.name if self.config.head else ''}' takes no late entry",
                where="data.entry_column",
                expected="a head whose likelihood heeds late entry, such as linear, deepsurv or discrete",
                try_="--head linear",
            )
        if model.head is not None:
            self._require_causes(cohort.header.causes, model.head.n_causes)
        return model.to(self.processes.device)

    def _initial_weights(
        self, resumed: Run | None, model: Model, cohort: Cohort, parts: Parts
    ) -> dict[str, Any] | None:
        """Take the weights of `train.init`; None without one, and for a checkpoint, which replaces all weights."""
        if not self.config.train.init or (resumed and (resumed.path / STATE).is_file()):
            return None
        initial = take_initial_weights(self.config, self.runs_dir, model, cohort, parts, self.reporter)
        if resumed and initial["weights"] != resumed.record["init"]["weights"]:
            raise RunError(
                f"the weights of run {initial['run']} have changed since run {resumed.id} began",
                where=f"train.init = {self.config.train.init}",
                expected="the weights that run.json names",
                try_="train again",
            )
        return initial

    def _refit_covariates(self, run: Run, model: Model, data: TrainingData, encoder: CovariateEncoder) -> None:
        fit = refit(model, data, encoder.names, self.reporter)
        run.save_weights(model)
        run.update(covariates={**encoder.to_dict(), "fit": fit})

    def _require_causes(self, causes: tuple[str, ...], n: int) -> None:
        """Refuse a head for another number of causes than the cohort has; say what counts as the event for others."""
        if n > 1 and n != len(causes):
            raise UsageError(
                f"a head for {n} causes, and a cohort with {len(causes) or 'one kind of event'}",
                where="head.causes",
                expected="the causes of data.causes",
                try_=f"--set head.causes={len(causes)}" if causes else "--set data.causes=1=NAME,2=NAME",
            )
        if n == 1 and causes:
            self.reporter.say(
                f"the head counts an event of any cause as the event: {', '.join(causes)}; --head cause-specific tells "
                "them apart, and --set data.event_value=CODE in place of data.causes counts one, the others as censored"
            )

    def _report_cohort(self, cohort: Cohort, parts: Parts, model: Model) -> None:
        """Warn of few validation events where the Cox term alone chooses the weights; report durations of 0."""
        by = self.config.split.by
        if by is not None:
            group = list(groups_to_leave_out(cohort.subjects, by))[self.config.split.fold]
            self.reporter.say(f"left out for the test part: {by} = {group}, {len(parts['test'])} subjects")
        validation = cohort.subjects.event[parts["validation"]]
        if model.head is not None and not model.decodes and len(validation) and validation.sum() < FEWEST_EVENTS:
            self.reporter.warn(
                f"{validation.sum()} event(s) in the validation part: the choice of weights is nearly random; "
                "--set split.validation=0 trains on all subjects, to the end"
            )
        for number, name in enumerate(cohort.header.causes, start=1):
            assert cohort.subjects.cause is not None
            if not (cohort.subjects.cause[parts["train"]] == number).any():
                raise DataError(
                    f"no training event of the cause '{name}'",
                    where="the training part",
                    expected="an event of each cause",
                    try_="another --seed, or a larger training part, as by --set split.test=0.1",
                )
        zeros = int((cohort.subjects.duration == 0).sum())
        if zeros:
            self.reporter.say(f"{zeros} subject(s) with a duration of 0 are kept")

    def _create(
        self,
        name: str | None,
        cohort: Cohort,
        parts: Parts,
        model: Model,
        encoder: CovariateEncoder | None,
        initial: dict[str, Any] | None,
    ) -> Run:
        path = ""
        if self.processes.first:
            record = record_of_start(self.config, cohort, parts, model, self.processes.count)
            record |= {"covariates": encoder.to_dict()} if encoder else {}
            record |= {"init": initial} if initial else {}
            name = name or f"{self.config.model.name}-{self.config.data.name}"
            path = str(Run.create(self.runs_dir, name, record, self.config.to_dict()).path)
        return Run(Path(self.processes.agree_on_text(path)))

    @contextmanager
    def _sole_writer(self, run: Run) -> Iterator[None]:
        """Hold the lock of the run in the first process; all processes fail where it is refused."""
        with ExitStack() as stack:
            refused: RunError | None = None
            if self.processes.first:
                try:  # torchrun restarts processes only after it has ended the earlier ones, maybe on another host
                    stack.enter_context(sole_writer(run, self.reporter, wait=launched()))
                except RunError as error:
                    refused = error
            if self.processes.agree(float(refused is not None)):
                raise refused or RunError(f"another process trains run {run.id}", where=str(run.path))
            run.reload()
            yield

    def _load_checkpoint(self, run: Run, cohort: Cohort, parts: Parts) -> Checkpoint | None:
        if run.record["cohort"]["fingerprint"] != cohort.fingerprint:
            raise RunError(
                f"the data of run {run.id} have changed since it began",
                where=str(run.path / "config.json"),
                expected=f"a cohort with fingerprint {run.record['cohort']['fingerprint'][:16]}",
                try_="train again, or restore the old data",
            )
        if (run.path / "split.json").is_file() and run.read("split.json") != as_ids(parts, cohort.subjects):
            raise RunError(
                f"the split of run {run.id} has changed since it began",
                where=str(run.path / "split.json"),
                expected="the split that config.json describes",
                try_="delete split.json, and --resume writes it again",
            )
        checkpoint = run.load_checkpoint()
        update = checkpoint.progress.update if checkpoint else 0
        if run.record.get("threads") != torch.get_num_threads():
            self.reporter.warn(
                f"the run began with {run.record.get('threads')} thread(s) and continues with "
                f"{torch.get_num_threads()}: the weights will not be equal bit for bit"
            )
        if self.processes.first:
            run.cut_metrics(update)
            run.update(status="running", process=os.getpid())
            self.reporter.say(f"resuming {run.id} after update {update}")
        return checkpoint

    def _fit(
        self, run: Run, model: Model, data: TrainingData, options: TrainOptions, checkpoint: Checkpoint | None
    ) -> TrainingOutcome:
        try:
            with run_recorder(run, self.trackers if self.processes.first else []) as recorder:
                return fit(
                    model,
                    data,
                    options,
                    seed=self.config.seed,
                    reporter=self.reporter,
                    recorder=recorder,
                    resume=checkpoint,
                    processes=self.processes,
                )
        except BaseException as error:
            if self.processes.first:
                if (run.path / "model.safetensors").is_file():
                    run.update(status="failed", reason=str(error) or type(error).__name__)
                elif self.processes.count == 1:
                    run.discard()
            raise


def _training_data(cohort: Cohort, parts: Parts, x: Float | None, processes: Processes) -> TrainingData:
    """All images of the cohort; each has the outcome and covariates of its subject, whose images are in one part."""
    x = None if x is None else x[cohort.subject_of_image]
    subjects = cohort.subjects.take(cohort.subject_of_image)
    images = {name: cohort.images_of(index) for name, index in parts.items()}
    return TrainingData.of(Images(cohort, processes.device), subjects, images, x)
