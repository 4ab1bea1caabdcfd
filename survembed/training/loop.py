"""The training loop: updates, validation, checkpoints, early stopping."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from survembed.errors import RunError
from survembed.models.base import Loss, Model
from survembed.progress import Reporter
from survembed.registry.foreign_code import raised_by_plugin
from survembed.training import watch
from survembed.training.augment import Augmentation
from survembed.training.batches import batches, derived_seed
from survembed.training.batchnorm import share_batch_norms
from survembed.training.checkpoint import Checkpoint, Progress
from survembed.training.feed import Feed
from survembed.training.graph import ReplayedStep
from survembed.training.optimizers import Average, Optimizers
from survembed.training.options import TrainOptions
from survembed.training.precision import choose_precision
from survembed.training.processes import Processes
from survembed.training.recorder import End, NullRecorder, Recorder, TrainingOutcome
from survembed.training.selection import Selection, rule
from survembed.training.signals import stop_requests
from survembed.training.step import Step
from survembed.training.training_data import TrainingData
from survembed.training.validation import numbers, validation

SHOW_EVERY_S = 0.2
"""Seconds between numbers beside the progress bar: reading one from a GPU synchronises it."""

N_GRADIENT_NORMS = 5
"""Number of measurements of the gradient of each term: at the first validation, then evenly spaced."""


def fit(
    model: Model,
    data: TrainingData,
    options: TrainOptions,
    *,
    seed: int,
    reporter: Reporter,
    recorder: Recorder | None = None,
    resume: Checkpoint | None = None,
    processes: Processes | None = None,
) -> TrainingOutcome:
    """Train `model` in place; at the end it has the weights that `Selection` keeps.

    The objective is the model's loss on the validation part (equation (3) for CoxVAE), in evaluation mode with μ for z
    and with the averaged weights. Without a validation part the last weights are kept. Ctrl-C ends the loop and keeps
    the best weights so far. The global random state of the caller does not change.

    Parameters
    ----------
    options
        After `TrainOptions.resolved`.
    seed
        Seed of batches, posterior samples and augmentation.
    recorder
        Receives rows, weights and checkpoints.
    resume
        Checkpoint to continue from; bit for bit on the same machine with the same number of threads.
    processes
        The processes of the training.

    Raises
    ------
    RunError
        When the loss is no longer finite.
    """
    device = data.images.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        loop = _Loop(
            model, data, options, seed, recorder or NullRecorder(), resume, processes or Processes(device=device)
        )
        return loop.run(reporter)


class _Loop:
    """The state of one training."""

    def __init__(
        self,
        model: Model,
        data: TrainingData,
        options: TrainOptions,
        seed: int,
        recorder: Recorder,
        resume: Checkpoint | None,
        processes: Processes,
    ) -> None:
        self.model, self.data, self.options = model, data, options
        self.recorder: Recorder = recorder if processes.first else NullRecorder()
        self.processes = processes
        self.progress = replace(resume.progress) if resume else Progress()
        torch.manual_seed(derived_seed(seed, 0))
        n = options.batch_size * options.accumulate
        order = batches(options.sampler, data.train, data.event, n, seed)
        self.feed = Feed(data, order, options.accumulate, processes)
        self.feed.n_empty, self.feed.n_events = self.progress.n_empty, self.progress.n_events
        if not self.progress.precision:
            first = data.batch(data.train[: options.batch_size])
            self.progress.precision = choose_precision(options.precision, model, first)
            if processes.count > 1:
                self.progress.precision = processes.agree_on_text(self.progress.precision)
        if processes.count > 1:
            share_batch_norms(model)
        self.optimizers = Optimizers(model, options)
        self.average = Average(model, options.average)
        self.best_weights: dict[str, Tensor] = {}
        self.selection = Selection(data)
        if resume:
            self._load(resume)
        augmentation = Augmentation.of(options, data.images.gaussian)
        self.step: Step | ReplayedStep = Step(
            model, self.optimizers, self.average, options, augmentation, self.progress.precision, seed, processes
        )
        self.rows = list(resume.rows) if resume else []

    def run(self, reporter: Reporter) -> TrainingOutcome:
        """Update until the end, early stopping or a signal; then load the best weights into the model."""
        start = time.perf_counter() - self.progress.seconds
        end: End = "completed"
        saved = shown = time.perf_counter()
        with ExitStack() as stack:
            stop_request = stack.enter_context(stop_requests())
            feed = stack.enter_context(self.feed)
            task = stack.enter_context(reporter.task("training", self.options.updates, "updates"))
            task.advance(self.progress.update)
            try:
                self._capture()
                while self.progress.update < self.options.updates and end == "completed":
                    loss = self.step(self.progress.update, *feed(self.progress.update))
                    self.progress.update += 1
                    now = time.perf_counter()
                    self.progress.seconds = now - start
                    task.advance(1, **(_shown(loss) if now - shown > SHOW_EVERY_S else {}))
                    shown = now if now - shown > SHOW_EVERY_S else shown
                    if self._validation_is_due():
                        self._validate(loss)
                        if self.options.patience and self.progress.stale >= self.options.patience:
                            end = "stopped early"
                    requested = stop_request()
                    if self.processes.any(requested is not None):  # all processes end after the same update
                        end = requested or "terminated"
                    if end in ("interrupted", "terminated") or now - saved > self.options.checkpoint:
                        self.recorder.save_checkpoint(self._checkpoint())
                        saved = now
            except KeyboardInterrupt as error:  # within an update: the last checkpoint remains valid
                if raised_by_plugin(error):
                    raise
                end = "interrupted"
        if end in ("completed", "stopped early"):
            for text in watch.warnings(self.rows):
                reporter.warn(text)
        if not self.best_weights:
            self._keep(self.average.model, None)
        self.model.load_state_dict(self.best_weights)
        self.model.eval()
        return self._outcome(end)

    def _capture(self) -> None:
        """Replace updates by a CUDA graph where the GPU holds all images and the model allows it."""
        alone = self.processes.count == 1 and self.options.accumulate == 1
        if not (isinstance(self.step, Step) and alone and self.data.images.device.type == "cuda"):
            return
        try:
            self.step = ReplayedStep(self.step, self.data.batch(self.data.train[: self.options.batch_size]))
        except RuntimeError:  # the model reads a number from the GPU within an update: slower, and as correct
            torch.cuda.synchronize()

    def _outcome(self, end: End) -> TrainingOutcome:
        progress = self.progress
        seen = progress.update * self.options.batch_size * self.options.accumulate
        return TrainingOutcome(
            end,
            progress.update,
            progress.best_update,
            progress.best_objective,
            rule(self.model, progress.best_objective),
            progress.precision,
            self.feed.n_empty,
            self.feed.n_events / seen if seen else 0.0,
            progress.seconds,
            progress.waited + self.feed.waited,
        )

    def _validation_is_due(self) -> bool:
        update = self.progress.update
        return update % self.options.validate_every == 0 or update == self.options.updates

    def _validate(self, loss: Loss) -> None:
        self._check(float(loss.total), "loss")
        progress = self.progress
        row: dict[str, Any] = {
            "update": progress.update,
            "seconds": round(progress.seconds, 3),
            "train": numbers(loss),
            "empty_share": self.feed.n_empty / progress.update,
        }
        if len(self.data.validation):
            objective, keeps = math.nan, False
            if self.processes.first:
                result = validation(self.average.model, self.data)
                row["validation"], row["kl_of_dimensions"] = result.numbers, result.kl_of_dimensions
                row["median_correlation"] = result.median_correlation
                if result.explained:
                    row["explained"] = [value if math.isfinite(value) else None for value in result.explained]
                objective = result.objective
                keeps = math.isfinite(objective) and self.selection.keeps(result)
            objective = self.processes.agree(objective)
            self._check(objective, "validation objective")
            if self.processes.agree(float(keeps)):
                self._keep(self.average.model, objective)
            else:
                progress.stale += 1
        elif progress.update == self.options.updates:
            self._keep(self.average.model, None)
        if self._gradient_norms_are_due():
            row["gradient_norms"] = self._gradient_norms()
        self.rows.append(row)
        self.recorder.append_metrics(row)

    def _gradient_norms_are_due(self) -> bool:
        every = max(1, self.options.updates // self.options.validate_every // N_GRADIENT_NORMS)
        return self.processes.count == 1 and (self.progress.update // self.options.validate_every) % every == 1 % every

    def _gradient_norms(self) -> dict[str, float]:
        index = watch.probe(self.data, self.options.batch_size)
        trainable = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.model.eval()
        norms = watch.gradient_norms(self.model.loss(self.data.batch(index)), trainable)
        self.model.train()
        return norms

    def _check(self, value: float, what: str) -> None:
        if not math.isfinite(value):
            raise RunError(
                f"training diverged: the {what} at update {self.progress.update} is {value}",
                where="train",
                expected="a finite loss",
                try_=f"a smaller rate, such as --rate {self.options.rate / 4:g}",
            )

    def _keep(self, model: Model, objective: float | None) -> None:
        self.recorder.save_weights(model)  # first: after Ctrl-C here, disk and memory both hold the earlier weights
        self.progress.stale = 0
        self.progress.best_update, self.progress.best_objective = self.progress.update, objective
        self.best_weights = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def _checkpoint(self) -> Checkpoint:
        self.progress.n_empty, self.progress.n_events = self.feed.n_empty, self.feed.n_events
        checkpoint = Checkpoint(self.progress, rows=list(self.rows))
        checkpoint.add("model", self.model.state_dict())
        checkpoint.add("optimizer", self.optimizers.tensors())
        if self.average.model is not self.model:
            checkpoint.add("average", self.average.model.state_dict())
        checkpoint.add("best", self.best_weights)
        checkpoint.add("selection", self.selection.state)
        return checkpoint

    def _load(self, checkpoint: Checkpoint) -> None:
        self.model.load_state_dict(checkpoint.under("model"))
        self.optimizers.load(checkpoint.under("optimizer"))
        if self.average.model is not self.model:
            self.average.model.load_state_dict(checkpoint.under("average"))
        self.selection.state = checkpoint.under("selection")
        device = self.data.images.device
        self.best_weights = {name: value.to(device) for name, value in checkpoint.under("best").items()}


def _shown(loss: Loss) -> dict[str, str]:
    """Each term with its share of the total, for the progress bar."""
    return {name: f"{float(loss.terms[name].detach()):.4f} ({share:.0%})" for name, share in loss.shares.items()}
