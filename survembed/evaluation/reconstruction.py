"""Reconstruction of images from their latents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from survembed.cohort.cohort import Cohort
from survembed.models.base import Model
from survembed.survival.outcome import Float

BATCH = 64


@dataclass(frozen=True)
class Reconstruction:
    """Agreement of decoded μ and images.

    Attributes
    ----------
    mse
        Mean squared error over voxels and channels; of a table in standard deviations of the training part.
    explained
        1 − mse / mse of the mean training image: 0 for a decoder that ignores its input, 1 for a perfect one.
    dice
        Mean Dice of decoded and true lesion, both thresholded at 0.5, over subjects with a lesion; None without a
        lesion channel or a lesion.
    """

    mse: float
    explained: float
    dice: float | None


@torch.no_grad()
def reconstruction(
    model: Model, cohort: Cohort, mu: NDArray[np.float32], train: NDArray[np.int64], test: NDArray[np.int64]
) -> Reconstruction:
    """Decode the latents of the subjects at `test` and compare them with the images.

    Parameters
    ----------
    model
        In evaluation mode; it must decode.
    mu
        (N, L) latents of the whole cohort.
    train, test
        Positions of the subjects for the mean image, and of the subjects to decode.
    """
    device = next(model.parameters()).device
    mean, unit = mean_and_unit(cohort, train)
    overlay = next((index for index, channel in enumerate(cohort.channels) if channel.overlay), None)
    error, null, dice = [], [], []
    for index in _batches(test):
        images = cohort.images(index)
        decoded = model.decode(torch.from_numpy(mu[index]).to(device)).cpu().numpy()
        axes = tuple(range(1, images.ndim))
        error.append((((decoded - images) / unit) ** 2).mean(axis=axes, dtype=np.float64))
        null.append((((mean - images) / unit) ** 2).mean(axis=axes, dtype=np.float64))
        if overlay is not None:
            dice.append(dice_of(decoded[:, overlay] > 0.5, images[:, overlay] > 0.5))
    mse, null_mse = float(np.concatenate(error).mean()), float(np.concatenate(null).mean())
    overlap = np.concatenate(dice) if dice else np.empty(0)
    measured = overlap[np.isfinite(overlap)]
    return Reconstruction(
        mse, 1 - mse / null_mse if null_mse > 0 else 0.0, float(measured.mean()) if len(measured) else None
    )


def dice_of(decoded: NDArray[np.bool_], true: NDArray[np.bool_]) -> Float:
    """Dice (n,) of masks (n, *spatial): twice the overlap over the sum of sizes; NaN where the true one is empty."""
    axes = tuple(range(1, true.ndim))
    size = true.sum(axis=axes)
    overlap = 2.0 * (decoded & true).sum(axis=axes) / np.maximum(size + decoded.sum(axis=axes), 1)
    return np.where(size > 0, overlap, np.nan)


def mean_and_unit(cohort: Cohort, index: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean image, and the unit of errors: 1, or the standard deviation where a channel is standardised."""
    total = np.zeros((len(cohort.channels), *cohort.shape))
    squares = np.zeros_like(total)
    for part in _batches(index):
        images = cohort.images(part).astype(np.float64)
        total += images.sum(axis=0)
        squares += (images**2).sum(axis=0)
    mean = total / len(index)
    deviation = np.sqrt(np.maximum(squares / len(index) - mean**2, 0))
    unit = np.ones_like(mean)
    for number, channel in enumerate(cohort.channels):
        if channel.standardise:
            unit[number] = np.where(deviation[number] > 0, deviation[number], 1.0)
    return mean.astype(np.float32), unit.astype(np.float32)


def unit_of_errors(cohort: Cohort, train: NDArray[np.int64]) -> NDArray[np.float32] | float:
    """Unit of errors (C, *spatial): 1, or the training standard deviation where a channel is standardised."""
    standardised = any(channel.standardise for channel in cohort.channels)
    return mean_and_unit(cohort, train)[1] if standardised else 1.0


def _batches(index: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return np.array_split(index, max(1, -(-len(index) // BATCH)))
