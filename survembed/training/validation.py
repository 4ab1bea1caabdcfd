"""The model's own loss on the subjects that choose the weights."""

from __future__ import annotations

import torch

from survembed.models.base import Loss, Model
from survembed.training.study import Study


def batch_size_without_gradient(dimensions: int) -> int:
    """Subjects that pass through a network at once where no gradient is kept: 32 volumes, or 1024 smaller images."""
    return 32 if dimensions == 3 else 1024


@torch.no_grad()
def validation(model: Model, study: Study) -> tuple[float, dict[str, float]]:
    """Objective and its parts on the validation part, in evaluation mode: batches averaged by their size."""
    was_training = model.training
    model.eval()
    size = batch_size_without_gradient(study.images.dimensions)
    sums: dict[str, float] = {}
    for index in study.validation.split(size):
        loss = model.loss(study.batch(index))
        for name, value in {"objective": float(loss.total.detach()), **numbers(loss)}.items():
            sums[name] = sums.get(name, 0.0) + value * len(index) / len(study.validation)
    model.train(was_training)
    return sums["objective"], sums


def numbers(loss: Loss) -> dict[str, float]:
    """What a loss records, and the share of each of its terms."""
    return {name: float(value.detach()) for name, value in loss.record.items()} | {
        f"share_{name}": share for name, share in loss.shares.items()
    }
