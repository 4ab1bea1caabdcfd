"""The training loop: updates, validation, averaged weights, early stopping."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel

from survembed.errors import RunError
from survembed.models.base import Batch, Loss, Model, parameter_groups
from survembed.progress import Reporter
from survembed.training.batches import shift, shuffled, stratified
from survembed.training.images import Images
from survembed.training.options import TrainOptions
from survembed.training.precision import choose_precision

WARM_UP = 0.2
"""Share of the updates in which a one-cycle rate rises; it falls along a cosine in the others."""


def batch_size_without_gradient(dimensions: int) -> int:
    """Subjects that pass through a network at once where no gradient is kept: 32 volumes, or 1024 smaller images."""
    return 32 if dimensions == 3 else 1024


@dataclass(frozen=True)
class Study:
    """What a model is trained on.

    Attributes
    ----------
    images
        Of the whole cohort.
    duration
        (N,) float64.
    event
        (N,) bool.
    train, validation
        Positions of the two parts; the validation part may be empty.
    """

    images: Images
    duration: Tensor
    event: Tensor
    train: Tensor
    validation: Tensor

    def batch(self, index: Tensor) -> Batch:
        """The subjects at `index`, on the device of the images."""
        device = self.images.device
        return Batch(self.images[index], self.duration[index].to(device), self.event[index].to(device))


@dataclass(frozen=True)
class Outcome:
    """How training ended.

    Attributes
    ----------
    end
        `completed`, `stopped early` or `interrupted`.
    updates
        Updates made.
    best_update
        The update whose weights were kept.
    best_objective
        Their validation objective; None without a validation part.
    precision
        `float32` or `bf16`.
    empty_batches
        Batches in which there was no event.
    seconds
        Time of the loop.
    """

    end: Literal["completed", "stopped early", "interrupted"]
    updates: int
    best_update: int
    best_objective: float | None
    precision: str
    empty_batches: int
    seconds: float


def fit(
    model: Model,
    study: Study,
    options: TrainOptions,
    *,
    seed: int,
    reporter: Reporter,
    on_record: Callable[[dict[str, Any]], None],
    on_best: Callable[[Model], None],
) -> Outcome:
    """Train `model` in place; it ends with the weights that were best on the validation part.

    The objective is the model's own loss on the validation part (equation (3) for CoxVAE), taken in evaluation mode
    with μ for z and with the averaged weights. Without a validation part the last weights are kept. Ctrl-C ends the
    loop and keeps the best so far. The caller's global random state is left as it was.

    Parameters
    ----------
    options
        Already `resolved`.
    seed
        Of batches, posterior samples and augmentation.
    on_record
        Takes one row of numbers for each validation.
    on_best
        Takes the model each time its weights are the best yet.

    Raises
    ------
    RunError
        When the loss is no longer finite.
    """
    device = study.images.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        loop = _Loop(model, study, options, seed, on_record, on_best)
        return loop.run(reporter)


class _Loop:
    """The state of one training."""

    def __init__(
        self,
        model: Model,
        study: Study,
        options: TrainOptions,
        seed: int,
        on_record: Callable[[dict[str, Any]], None],
        on_best: Callable[[Model], None],
    ) -> None:
        self.model, self.study, self.options = model, study, options
        self.on_record, self.on_best = on_record, on_best
        self.generator = torch.Generator().manual_seed(seed)
        self.batches = self._sampler()
        first = study.batch(study.train[: options.batch_size])
        self.precision = choose_precision(options.precision, model, first)
        self.optimizers, self.schedules = optimizers(model, options)
        average = moving_average(options.average)
        self.average = AveragedModel(model, multi_avg_fn=average, use_buffers=True) if options.average else None
        self.best_update, self.best_objective = 0, math.inf
        self.best_weights: dict[str, Tensor] = {}
        self.stale = 0
        self.empty_batches = 0
        self.update = 0

    def _sampler(self) -> Iterator[Tensor]:
        if self.options.sampler == "events":
            return stratified(self.study.train, self.study.event, self.options.batch_size, self.generator)
        return shuffled(self.study.train, self.options.batch_size, self.generator)

    def run(self, reporter: Reporter) -> Outcome:
        """Update until done, stalled or interrupted; then put the best weights in place."""
        start = time.perf_counter()
        end: Literal["completed", "stopped early", "interrupted"] = "completed"
        try:
            with reporter.task("training", self.options.updates, "updates") as task:
                while self.update < self.options.updates and end == "completed":
                    loss = self._step()
                    task.advance(1, **_shown(loss))
                    if self.update % self.options.validate_every == 0 or self.update == self.options.updates:
                        self._validate(loss, time.perf_counter() - start)
                        if self.options.patience and self.stale >= self.options.patience:
                            end = "stopped early"
        except KeyboardInterrupt:
            end = "interrupted"
        if not self.best_weights:
            self._keep(self._current(), math.inf)
        self.model.load_state_dict(self.best_weights)
        self.model.eval()
        return Outcome(
            end,
            self.update,
            self.best_update,
            self.best_objective if math.isfinite(self.best_objective) else None,
            self.precision,
            self.empty_batches,
            time.perf_counter() - start,
        )

    def _step(self) -> Loss:
        index = next(self.batches)
        self.empty_batches += not bool(self.study.event[index].any())
        batch = self.study.batch(index)
        batch = Batch(shift(batch.image, self.options.shift or 0.0, self.generator), batch.duration, batch.event)
        self.model.train()
        with torch.autocast(batch.image.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            loss = self.model.loss(batch)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.total.backward()
        if self.options.clip:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.options.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        for schedule in self.schedules:
            schedule.step()
        if self.average is not None:
            self.average.update_parameters(self.model)
        self.update += 1
        return loss

    def _current(self) -> Model:
        """The model that would be kept now: the averaged one where there is one."""
        if self.average is None:
            return self.model
        averaged = self.average.module
        assert isinstance(averaged, Model)
        return averaged

    def _validate(self, loss: Loss, seconds: float) -> None:
        self._check(float(loss.total.detach()), "loss")
        row: dict[str, Any] = {"update": self.update, "seconds": round(seconds, 3), "train": _numbers(loss)}
        model = self._current()
        if len(self.study.validation):
            objective, row["validation"] = validation(model, self.study)
            self._check(objective, "validation objective")
            if objective < self.best_objective:
                self._keep(model, objective)
            else:
                self.stale += 1
        elif self.update == self.options.updates:
            self._keep(model, math.inf)
        self.on_record(row)

    def _check(self, value: float, what: str) -> None:
        if not math.isfinite(value):
            raise RunError(
                f"training diverged: the {what} at update {self.update} is {value}",
                where="train",
                expected="a finite loss",
                try_=f"a smaller rate, such as --rate {self.options.rate / 4:g}",
            )

    def _keep(self, model: Model, objective: float) -> None:
        self.on_best(model)  # first: Ctrl-C in the middle of it leaves the weights before, on disk as in memory
        self.stale = 0
        self.best_update, self.best_objective = self.update, objective
        self.best_weights = {name: value.detach().clone() for name, value in model.state_dict().items()}


def moving_average(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    """Update of an exponential moving average whose decay grows to `decay` as min(decay, (1 + n) / (10 + n)).

    n counts the updates: the first, untrained weights are soon forgotten, in short trainings too.
    """
    updates = count(1)

    @torch.no_grad()
    def update(averaged: Sequence[Tensor], current: Sequence[Tensor], _: Tensor | int) -> None:
        n = next(updates)
        weight = 1 - min(decay, (1 + n) / (10 + n))
        for old, new in zip(averaged, current, strict=True):
            if old.is_floating_point():
                old.lerp_(new, weight)
            else:
                old.copy_(new)

    return update


def optimizers(model: Model, options: TrainOptions) -> tuple[list[torch.optim.Optimizer], list[LRScheduler]]:
    """The paper's two optimisers, one for encoder and decoder and one for the head, each with its schedule."""
    made: list[torch.optim.Optimizer] = []
    schedules: list[LRScheduler] = []
    for parameters, rate in zip(parameter_groups(model), (options.rate, options.head_rate), strict=True):
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        if not trained:
            continue
        if options.optimizer == "adamw":
            made.append(torch.optim.AdamW(trained, rate, weight_decay=options.weight_decay, fused=True))
        else:
            made.append(torch.optim.Adam(trained, rate, weight_decay=options.weight_decay, fused=True))
        if options.schedule == "one-cycle" and options.updates > 1 / WARM_UP:  # fewer leave no room to rise and fall
            schedules.append(
                OneCycleLR(made[-1], rate, total_steps=options.updates, pct_start=WARM_UP, cycle_momentum=False)
            )
    return made, schedules


@torch.no_grad()
def validation(model: Model, study: Study) -> tuple[float, dict[str, float]]:
    """Objective and its parts on the validation part, in evaluation mode: batches averaged by their size."""
    was_training = model.training
    model.eval()
    size = batch_size_without_gradient(study.images.dimensions)
    sums: dict[str, float] = {}
    for index in study.validation.split(size):
        loss = model.loss(study.batch(index))
        for name, value in {"objective": float(loss.total.detach()), **_numbers(loss)}.items():
            sums[name] = sums.get(name, 0.0) + value * len(index) / len(study.validation)
    model.train(was_training)
    return sums["objective"], sums


def _numbers(loss: Loss) -> dict[str, float]:
    return {name: float(value.detach()) for name, value in loss.record.items()} | {
        f"share_{name}": share for name, share in loss.shares.items()
    }


def _shown(loss: Loss) -> dict[str, str]:
    """Each term with its share of the total, for the progress bar."""
    return {name: f"{float(loss.terms[name].detach()):.4f} ({share:.0%})" for name, share in loss.shares.items()}
