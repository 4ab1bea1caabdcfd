"""An update as one CUDA graph: hundreds of small kernels that a GPU starts by itself, without waiting for Python."""

from __future__ import annotations

import torch
from torch import Tensor

from survembed.models.base import Loss
from survembed.survival.batch import Batch
from survembed.training.step import Step

TRIALS = 3
"""Updates made before the capture, as PyTorch asks: libraries choose their algorithms in them."""


class Replayed:
    """Does what a `Step` does with one micro-batch on one GPU, by replaying it.

    The weights, optimisers and average after the capture are what they were before.

    Parameters
    ----------
    step
        Whose update is captured.
    batch
        Any batch of the size of all.

    Raises
    ------
    RuntimeError
        When the model asks the GPU for a number within an update, which cannot be captured.
    """

    def __init__(self, step: Step, batch: Batch) -> None:
        self.step = step
        self.batch = Batch(batch.image.clone(), batch.duration.clone(), batch.event.clone())
        before = [value.clone() for value in self._state()]
        n_before = len(before)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        step.prepare(0)
        with torch.cuda.stream(side):
            for _ in range(TRIALS):
                self._update()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.loss = self._update()
        after = self._state()
        for value, old in zip(after, before, strict=False):
            value.copy_(old)
        if len(after) > n_before:  # the optimisers remembered nothing yet
            for value in after[n_before:]:
                value.zero_()

    def __call__(self, update: int, micro_batches: list[Batch], n: int) -> Loss:
        """As `Step`: make update number `update` with its one micro-batch."""
        (batch,) = micro_batches
        self.batch.image.copy_(batch.image)
        self.batch.duration.copy_(batch.duration)
        self.batch.event.copy_(batch.event)
        self.step.prepare(update)
        self.graph.replay()
        return self.loss

    def _update(self) -> Loss:
        self.step.optimizers.clear()
        loss = self.step.forward(self.batch)
        loss.total.backward()
        self.step.move()
        return loss.detached()

    @torch.no_grad()
    def _state(self) -> list[Tensor]:
        """Everything an update changes; the optimisers' part last, as it is empty before their first step."""
        step = self.step
        return [
            *step.model.state_dict().values(),
            *step.average.model.state_dict().values(),
            *step.optimizers.tensors().values(),
        ]
