"""Whether a training fits in memory: a warning or an error, with options that fit, before its first update."""

from __future__ import annotations

from math import ceil

import torch

from survembed.errors import RunError
from survembed.models.base import Model
from survembed.progress import Reporter
from survembed.registry.component import Component
from survembed.training.images import free_memory
from survembed.training.memory import MemoryOfTraining, memory_of_training, total_memory
from survembed.training.options import TrainOptions
from survembed.training.training_data import TrainingData

FEWEST = 2
"""Smallest batch: Cox's likelihood of one subject is 1."""


def require_memory(
    model: Model,
    data: TrainingData,
    options: TrainOptions,
    n_processes: int,
    dataset: Component,
    reporter: Reporter,
) -> None:
    """Refuse a training that needs more than all memory of its device; warn of one that may need more than is free.

    Parameters
    ----------
    options
        After `TrainOptions.resolved`.
    n_processes
        Processes that share each batch; on a CPU they share the memory as well.
    dataset
        Component of the dataset, for the remedy.

    Raises
    ------
    RunError
        When the training cannot fit, or not even two subjects do.
    """
    device = data.images.device
    share = n_processes if device.type == "cpu" else 1
    n = ceil(options.batch_size / n_processes)
    try:
        memory = memory_of_training(model, data, n * options.accumulate)
    except RuntimeError as error:
        if not (isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)):
            raise
        raise RunError(
            f"the memory of {_place(device)} is too small for two subjects at once",
            where=f"images of {_shape(data)}",
            expected="memory for a batch of two or more",
            try_=_smaller_images(data, dataset, 0.5),
        ) from error
    free, total = free_memory(device) / share, total_memory(device) / share
    if memory.likely(n) <= free:
        return
    least, likely = memory.least(n), memory.likely(n)
    where = f"batches of {options.batch_size} images of {_shape(data)}"
    remedy = _remedy(memory, min(free, total), options, n_processes, data, dataset)
    if least > total:
        raise RunError(
            f"training needs at least {_gb(least * share)} of memory, and {_place(device)} has {_gb(total * share)}",
            where=where,
            expected="a batch that fits in memory",
            try_=remedy,
        )
    reporter.warn(
        f"training needs about {_gb(likely * share)} of memory, and {_gb(free * share)} of {_place(device)} are free "
        f"({where}): it may be slow or end without a message; {remedy}"
    )


def _remedy(
    memory: MemoryOfTraining,
    free: float,
    options: TrainOptions,
    n_processes: int,
    data: TrainingData,
    dataset: Component,
) -> str:
    """A smaller batch with the same number of subjects in an update; smaller images where no batch fits."""
    fits = memory.largest_batch(free) * n_processes
    if fits >= FEWEST:
        parts = ceil(options.batch_size / fits)
        size = max(FEWEST, options.batch_size // parts)
        return f"--batch-size {size} --set train.accumulate={options.accumulate * ceil(options.batch_size / size)}"
    return _smaller_images(data, dataset, free / memory.likely(FEWEST))


def _smaller_images(data: TrainingData, dataset: Component, share: float) -> str:
    """Edges whose product is at most this share of the present one, for a dataset with the option `size`."""
    shape = data.images.shape[1:]
    if "size" not in type(dataset).model_fields or len(shape) < 2:
        return "--set model.width=4"
    factor = min(0.75, (0.8 * share) ** (1 / len(shape)))
    return f"--set data.size={','.join(str(max(8, int(edge * factor) // 4 * 4)) for edge in shape)}"


def _place(device: torch.device) -> str:
    return "this machine" if device.type == "cpu" else f"device {device}"


def _shape(data: TrainingData) -> str:
    channels, *edges = data.images.shape
    return f"{channels} channel(s), {' × '.join(map(str, edges))}"


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
