"""An update as one CUDA graph: the GPU runs hundreds of small kernels without waiting for Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from survembed.models.base import Loss
from survembed.survival.batch import Batch
from survembed.training.step import Step

N_TRIALS = 3
"""Trial updates before the capture, as PyTorch requires: libraries choose their algorithms in them."""


class ReplayedStep:
    """A `Step` with one micro-batch on one GPU, captured once and replayed.

    Trial updates and capture leave weights, batch-norm statistics, averages and optimisers as they were, also when the
    capture fails.

    Parameters
    ----------
    step
        The step to capture.
    batch
        Any batch of the size of all batches.

    Raises
    ------
    RuntimeError
        When the model reads a number from the GPU within an update, which cannot be captured.
    """

    def __init__(self, step: Step, batch: Batch) -> None:
        self.step = step
        covariates, entry = (None if column is None else column.clone() for column in (batch.covariates, batch.entry))
        self.batch = Batch(batch.image.clone(), batch.duration.clone(), batch.event.clone(), covariates, entry=entry)
        with state_restored(step):
            step.prepare(0)
            self.graph, self.loss = capture(self._update)

    def __call__(self, update: int, micro_batches: list[Batch], n: int) -> Loss:
        """Make update number `update` with its one micro-batch, as `Step` does."""
        (batch,) = micro_batches
        self.batch.image.copy_(batch.image)
        self.batch.duration.copy_(batch.duration)
        self.batch.event.copy_(batch.event)
        for own, given in ((self.batch.covariates, batch.covariates), (self.batch.entry, batch.entry)):
            if own is not None and given is not None:
                own.copy_(given)
        self.step.prepare(update)
        self.graph.replay()
        return self.loss

    def _update(self) -> Loss:
        self.step.optimizers.clear()
        loss = self.step.forward(self.batch)
        loss.total.backward()
        self.step.move()
        return loss.detached()


def capture(update: Callable[[], Loss]) -> tuple[torch.cuda.CUDAGraph, Loss]:
    """Make trial updates, then capture one more as a graph; the loss is overwritten by each replay."""
    current = torch.cuda.current_stream()
    side = torch.cuda.Stream()
    side.wait_stream(current)
    try:
        with torch.cuda.stream(side):
            for _ in range(N_TRIALS):
                update()
        current.wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss = update()
    finally:
        torch.cuda.set_stream(current)  # a failed capture leaves its own stream in place
    return graph, loss


@contextmanager
def state_restored(step: Step) -> Iterator[None]:
    """Restore, in place, all tensors that an update changes, however the block ends."""
    before = [value.clone() for value in _state(step)]
    try:
        yield
    finally:
        with torch.no_grad():
            after = _state(step)
            for value, old in zip(after, before, strict=False):
                value.copy_(old)
            for value in after[len(before) :]:  # of an optimiser before its first step
                value.zero_()


def _state(step: Step) -> list[Tensor]:
    """The tensors that an update changes; those of the optimisers last, as there are none before their first step."""
    return [
        *step.model.state_dict().values(),
        *step.average.model.state_dict().values(),
        *step.optimizers.tensors().values(),
    ]
