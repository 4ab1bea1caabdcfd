"""Memory of a training, estimated before its first update from one forward pass of two subjects."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from survembed.models.base import Model
from survembed.storage.memory import total_memory as total_main_memory
from survembed.training.training_data import TrainingData
from survembed.training.watch import probe

COPIES_OF_WEIGHTS = 6
"""Weights, gradients, two moments of the optimiser, moving average and best weights so far."""

WORKSPACE = 64e6
"""Bytes that the libraries take for themselves."""


@dataclass(frozen=True)
class MemoryOfTraining:
    """Bytes of a training.

    Attributes
    ----------
    fixed
        Weights with their gradients, optimiser and averages, and the images of a whole update.
    kept
        What the forward pass keeps for each subject of a batch until the backward pass: certainly needed.
    passing
        What comes and goes for each subject of a batch: gradients of the largest features, and values between them.
    """

    fixed: float
    kept: float
    passing: float

    def least(self, n: int) -> float:
        """Bytes without which no update of `n` subjects at once is possible."""
        return self.fixed + n * self.kept

    def likely(self, n: int) -> float:
        """Estimated peak with `n` subjects at once; within a factor of two of the measured one for our models."""
        return WORKSPACE + self.fixed + n * (self.kept + self.passing)

    def largest_batch(self, free: float) -> int:
        """Number of subjects at once that fit in `free` bytes, with a tenth to spare; may be 0."""
        return max(0, int((0.9 * free - self.fixed - WORKSPACE) / (self.kept + self.passing)))


def memory_of_training(model: Model, data: TrainingData, subjects_of_update: int) -> MemoryOfTraining:
    """Measure one forward pass of `model` with two training subjects; `model` and all random states stay as they are.

    The pass is in float32, which the trial of `train.precision` = auto needs as well.

    Raises
    ------
    RuntimeError
        When not even that fits: `torch.OutOfMemoryError` on a GPU.
    """
    weights = sum(value.numel() * value.element_size() for value in model.parameters())
    batch = data.batch(probe(data, 2))
    own = {value.untyped_storage().data_ptr() for value in model.state_dict().values()}
    sizes: dict[int, int] = {}

    def keep(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return value

    device = batch.image.device
    trial = copy.deepcopy(model).train()
    own |= {value.untyped_storage().data_ptr() for value in trial.state_dict().values()}
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
            total = trial.loss(batch).total
        kept = [size for storage, size in sizes.items() if storage not in own]  # all of them live as long as `total`
    del total
    n = len(batch.image)
    image = batch.image.numel() * batch.image.element_size() / n
    fixed = COPIES_OF_WEIGHTS * weights + subjects_of_update * image
    return MemoryOfTraining(fixed, sum(kept) / n, 3 * max(kept, default=0) / n)


def total_memory(device: torch.device) -> float:
    """All bytes of a device."""
    return float(torch.cuda.mem_get_info(device)[1]) if device.type == "cuda" else total_main_memory()
