"""Loss of a model on the validation part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from survembed.models.base import Loss, Model, joined
from survembed.models.losses import normal_kl
from survembed.training.training_data import TrainingData

N_DECODED = 32
"""Validation subjects that are decoded for `explained`: at most 2 % of the time of a training on volumes."""
VALUES_AT_ONCE = 2**24
"""Numbers in the images of a batch without gradients: 64 MB, of which a network needs several copies."""


@dataclass(frozen=True)
class Validation:
    """Results of a model on the validation part.

    Attributes
    ----------
    objective
        The loss; lower is better.
    rest
        Sum of its weighted terms without the Cox term.
    numbers
        Recorded terms of the loss, and the share of each weighted term.
    log_hazard
        (n,) float64 of each subject; 0 for a model without a head.
    kl_of_dimensions
        KL in nats of each latent dimension, averaged over subjects; None without a posterior.
    median_correlation
        Median |correlation| over pairs of dimensions of μ; None where there is no such pair.
    explained
        1 − squared error / that of the mean image, by channel, over the first `N_DECODED` subjects and against their
        own mean; NaN for a channel that does not vary. None for a model that does not decode.
    """

    objective: float
    rest: float
    numbers: dict[str, float]
    log_hazard: Tensor
    kl_of_dimensions: list[float] | None
    median_correlation: float | None
    explained: list[float] | None = None


def median_correlation(mu: NDArray[np.float64]) -> float:
    """Median |correlation| over pairs of dimensions of μ (n, L) that vary; NaN with fewer than two of them."""
    varying = mu[:, mu.std(axis=0) > 0]
    if varying.shape[1] < 2:
        return float("nan")
    return float(np.median(np.abs(np.corrcoef(varying.T))[np.triu_indices(varying.shape[1], 1)]))


@torch.no_grad()
def explained(model: Model, data: TrainingData, mu: Tensor) -> list[float]:
    """Explained variance of validation images by channel; see `Validation`.

    Parameters
    ----------
    model
        In evaluation mode.
    mu
        (n, L) of the validation subjects.
    """
    index = data.validation[:N_DECODED]
    total = error = squares = torch.zeros((), dtype=torch.float64)
    size = batch_size_without_gradient(data.images.shape)
    for part, latents in zip(index.split(size), mu[:N_DECODED].split(size), strict=True):
        images, decoded = data.images[part], model.decode(latents)
        error = (decoded - images).double().square().flatten(2).sum(2).sum(0) + error.to(images.device)
        total = images.double().sum(0) + total.to(images.device)
        squares = images.double().square().flatten(2).sum(2).sum(0) + squares.to(images.device)
    null = squares - total.square().flatten(1).sum(1) / len(index)
    varies = null > 1e-9 * squares
    return torch.where(varies, 1 - error / torch.where(varies, null, 1.0), torch.nan).tolist()


def batch_size_without_gradient(shape: Sequence[int]) -> int:
    """Batch size without gradients for images of `shape` (C, *spatial): at most 32 volumes, or 1024 images or rows.

    `VALUES_AT_ONCE` bounds the memory for large images: 64 of 512 × 512, 4 of 2 × 128³.
    """
    most = 32 if len(shape) == 4 else 1024
    return max(1, min(most, VALUES_AT_ONCE // math.prod(shape)))


@torch.no_grad()
def validation(model: Model, data: TrainingData) -> Validation:
    """Evaluate `model` on the validation part, in evaluation mode; means over subjects."""
    was_training = model.training
    model.eval()
    size = batch_size_without_gradient(data.images.shape)
    sums: dict[str, float] = {}
    log_hazards: list[Tensor] = []
    kl: list[Tensor] = []
    means: list[Tensor] = []
    for index in data.validation.split(size):
        batch = data.batch(index)
        loss = model.loss(batch)
        rest = sum(float(term) for name, term in loss.terms.items() if name != "cox")
        for name, value in {"objective": float(loss.total), "rest": rest, **numbers(loss)}.items():
            sums[name] = sums.get(name, 0.0) + value * len(index) / len(data.validation)
        mu, logvar = model.posterior(batch.image)
        log_hazards.append(
            mu.new_zeros(len(mu)) if model.head is None else model.log_hazard(joined(mu, batch.covariates))
        )
        means.append(mu)
        if logvar is not None:
            kl.append(normal_kl(mu, logvar))
    shown = explained(model, data, torch.cat(means)) if model.decodes else None
    model.train(was_training)
    rest = sums.pop("rest")
    correlation = median_correlation(torch.cat(means).double().cpu().numpy())
    return Validation(
        sums["objective"],
        rest,
        sums,
        torch.cat(log_hazards).double().cpu(),
        torch.cat(kl).mean(dim=0).tolist() if kl else None,
        correlation if math.isfinite(correlation) else None,
        shown,
    )


def numbers(loss: Loss) -> dict[str, float]:
    """Recorded terms of a loss, and the share of each weighted term."""
    return {name: float(value.detach()) for name, value in loss.record.items()} | {
        f"share_{name}": share for name, share in loss.shares.items()
    }
