"""Reconstruction of images from their latents: sums over voxels for each subject and channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.cohort import Cohort
from survembed.runs.trained_model import TrainedModel
from survembed.survival.outcome import Float

BATCH = 64


@dataclass(frozen=True)
class Reconstruction:
    """Decoded and true images of n subjects, by channel; each value has shape (n,).

    Attributes
    ----------
    error
        Squared error of the decoded image, summed over voxels; of a table in standard deviations of the training part.
    null
        The same of the mean training image.
    dice
        Dice of decoded and true mask, both above 0.5, for masks of an organ or lesion; NaN for an empty true mask.
    amount, true_amount
        Sums of the decoded and of the true channel: the volume of a mask. Empty for a table.
    log_hazard
        Of the decoded image encoded again; empty for a model without a head.
    """

    error: Mapping[str, Float]
    null: Mapping[str, Float]
    dice: Mapping[str, Float]
    amount: Mapping[str, Float]
    true_amount: Mapping[str, Float]
    log_hazard: Float

    @property
    def mean_explained(self) -> float:
        """Mean over channels of 1 − error / null: 0 for a decoder that ignores its input, 1 for a perfect one."""
        total = {name: float(null.sum()) for name, null in self.null.items()}
        return float(np.mean([1 - self.error[name].sum() / each if each > 0 else 0.0 for name, each in total.items()]))

    @property
    def mean_dice(self) -> float | None:
        """Mean Dice over subjects with a mask, then over channels; None without one."""
        means = [float(np.nanmean(each)) for each in self.dice.values() if np.isfinite(each).any()]
        return float(np.mean(means)) if means else None


def reconstruct(
    trained: TrainedModel, cohort: Cohort, train: NDArray[np.int64], at: NDArray[np.int64]
) -> Reconstruction:
    """Decode the latents μ of the subjects at `at`; the mean image is that of the subjects at `train`.

    Parameters
    ----------
    trained
        A run whose model decodes.
    train, at
        Positions in the cohort.
    """
    mean, unit = _mean_and_unit(cohort, train)
    rows: list[tuple[Float, ...]] = []
    for index in _batches(at):
        images = cohort.images(index)
        decoded = trained.decode(trained.latents.z[index].astype(np.float64))
        axes = tuple(range(2, images.ndim))
        error, null = ((((other - images) / unit) ** 2).sum(axis=axes, dtype=np.float64) for other in (decoded, mean))
        masks = zip(*(np.moveaxis(values, 1, 0) > 0.5 for values in (decoded, images)), strict=True)
        dice = np.stack([dice_of(seen, true) for seen, true in masks], axis=1)
        amounts = (values.sum(axis=axes, dtype=np.float64) for values in (decoded, images))
        again = np.zeros(len(index))
        if trained.model.head is not None:
            again = trained.log_hazard(trained.embed(decoded).astype(np.float64))
        rows.append((error, null, dice, *amounts, again))
    error, null, dice, amount, true_amount, again = (np.concatenate(column) for column in zip(*rows, strict=True))
    every = {channel.name: number for number, channel in enumerate(cohort.channels)}
    pictures = every if len(cohort.shape) > 1 else {}
    with_mask = {name: i for name, i in every.items() if cohort.channels[i].overlay or cohort.channels[i].organ}

    def of(values: Float, channels: Mapping[str, int]) -> dict[str, Float]:
        return {name: values[:, number] for name, number in channels.items()}

    return Reconstruction(
        error=of(error, every),
        null=of(null, every),
        dice=of(dice, with_mask),
        amount=of(amount, pictures),
        true_amount=of(true_amount, pictures),
        log_hazard=again if trained.model.head is not None else np.empty(0),
    )


def dice_of(decoded: NDArray[np.bool_], true: NDArray[np.bool_]) -> Float:
    """Dice (n,) of masks (n, *spatial): twice the overlap over the sum of sizes; NaN where the true one is empty."""
    axes = tuple(range(1, true.ndim))
    size = true.sum(axis=axes)
    overlap = 2.0 * (decoded & true).sum(axis=axes) / np.maximum(size + decoded.sum(axis=axes), 1)
    return np.where(size > 0, overlap, np.nan)


def _mean_and_unit(cohort: Cohort, index: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
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
    return _mean_and_unit(cohort, train)[1] if standardised else 1.0


def _batches(index: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return np.array_split(index, max(1, -(-len(index) // BATCH)))
