"""One update: forward, backward and move, over micro-batches and processes where there are several."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from survembed.models.base import Loss, Model
from survembed.survival.batch import Batch
from survembed.survival.risk_set import Collecting, Rows, Surrounding
from survembed.training.augment import Augmentation
from survembed.training.batches import derived_seed
from survembed.training.optimizers import Average, Optimizers
from survembed.training.options import TrainOptions
from survembed.training.processes import Gathering, Processes


class Step:
    """Makes the updates of a training. What an update does depends on its batch, its seed and the weights alone.

    Parameters
    ----------
    model, optimizers, average
        Changed by each update.
    options
        Clipping, micro-batches, warm-up of the KL term.
    augmentation
        Of the images.
    precision
        Of the convolutions; losses, μ, log-variance and head stay in float32.
    seed
        Of posterior samples, dropout and augmentation.
    processes
        This one and the others of the training.
    """

    def __init__(
        self,
        model: Model,
        optimizers: Optimizers,
        average: Average,
        options: TrainOptions,
        augmentation: Augmentation,
        precision: str,
        seed: int,
        processes: Processes,
    ) -> None:
        self.model, self.optimizers, self.average = model, optimizers, average
        self.options, self.augmentation, self.precision = options, augmentation, precision
        self.seed, self.processes = seed, processes
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.kl_weight = torch.ones((), device=next(model.parameters()).device)

    def __call__(self, update: int, micro_batches: list[Batch], n: int) -> Loss:
        """Make update number `update`, counted from 0.

        Parameters
        ----------
        update
            Its number decides rates and chance.
        micro_batches
            This process's share of the update.
        n
            Subjects of the update in all processes.

        Returns
        -------
        The loss of the last micro-batch, without its graph.
        """
        self.prepare(update)
        everyone, start = self._all_rows(update, micro_batches, n) if len(micro_batches) > 1 else (None, 0)
        self.optimizers.clear()
        for number, batch in enumerate(micro_batches):
            if everyone is not None:
                batch = replace(batch, risk_set=Surrounding(everyone, start))
            elif self.processes.count > 1:
                batch = replace(batch, risk_set=Gathering(self.processes, n))
            self._seed(update, number)
            loss = self.forward(batch)
            (loss.total * (len(batch) / n)).backward()
            start += len(batch)
        self.processes.sum_gradients(self.parameters)
        self.move()
        return loss.detached()

    def prepare(self, update: int) -> None:
        """Put what changes from update to update in place: rates, weights, chance."""
        self.optimizers.set_rates(update)
        self.average.set_weight(update + 1)
        warm_up = self.options.kl_warm_up * self.options.updates
        self.kl_weight.fill_(min(1.0, (update + 1) / warm_up) if warm_up else 1.0)
        self._seed(update, 0)

    def forward(self, batch: Batch) -> Loss:
        """The loss of a batch as it is minimised, from varied images."""
        self.model.train()
        batch = replace(batch, image=self.augmentation(batch.image))
        device = batch.image.device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.precision == "bf16", cache_enabled=device == "cpu"):
            loss = self.model.loss(batch)
        if "kl" in loss.terms and self.options.kl_warm_up:
            loss = replace(loss, terms={**loss.terms, "kl": loss.terms["kl"] * self.kl_weight})
        return loss

    def move(self) -> None:
        """Clip the gradients, move the parameters, follow with the average."""
        if self.options.clip:
            nn.utils.clip_grad_norm_(self.parameters, self.options.clip, foreach=True)
        self.optimizers.step()
        self.average.follow()

    def _all_rows(self, update: int, micro_batches: list[Batch], n: int) -> tuple[Rows, int]:
        """Log-hazards of the whole update, from a first pass without graph; and where this process's begin.

        The second pass draws the same samples, so its rows are the same numbers, now with a graph. Memory is that of
        one micro-batch; the price is one more forward pass.
        """
        collecting = Collecting()
        with torch.no_grad(), _frozen_statistics(self.model):
            for number, batch in enumerate(micro_batches):
                self._seed(update, number)
                self.forward(replace(batch, risk_set=collecting))
        if not collecting.rows:  # a head whose loss is a mean over subjects, or none
            return Rows(*(torch.empty(0) for _ in range(3))), 0
        mine = Rows(*(torch.cat(columns) for columns in zip(*collecting.rows, strict=True)))
        return self.processes.gather(mine, n)

    def _seed(self, update: int, number: int) -> None:
        _seed_chance(derived_seed(self.seed, update, number, self.processes.rank), self.kl_weight.device)


def _seed_chance(seed: int, device: torch.device) -> None:
    """Seed the CPU's generator and that of `device`.

    `torch.manual_seed` takes a millisecond for it: it formats a stack trace for every accelerator that is not in use.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        number = torch.cuda.current_device() if device.index is None else device.index
        torch.cuda.default_generators[number].manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@contextmanager
def _frozen_statistics(model: nn.Module) -> Iterator[None]:
    """Let batch normalisation use the statistics of a batch without remembering them."""
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    counts: list[Tensor | None] = [None if count is None else count.clone() for _, count in before]
    try:
        yield
    finally:
        for norm, (momentum, tracked), count in zip(norms, before, counts, strict=True):
            norm.momentum = momentum
            if tracked is not None and count is not None:
                tracked.copy_(count)
