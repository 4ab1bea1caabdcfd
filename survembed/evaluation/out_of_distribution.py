"""Distance of images from the training data: reconstruction error and Mahalanobis distance of latents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survembed.cohort.cohort import Cohort
from survembed.evaluation.reconstruction import unit_of_errors
from survembed.runs.latents import Latents
from survembed.runs.trained_model import TrainedModel
from survembed.survival.outcome import Float

FEWEST = 20
"""Smallest test set among which a percentile is taken."""
MOST = 500
"""Largest number of subjects that are decoded for comparison."""
BATCH = 64
FAR = 99.0
"""Percentile above which an image counts as far from the training data; about one in fifty similar images are."""


def percentile(value: ArrayLike, among: Float) -> Float:
    """Share of `among` (k,) below each value (n,), in per cent; equal ones count half."""
    ordered = np.sort(among)
    below, up_to = (np.searchsorted(ordered, value, side=side) for side in ("left", "right"))
    share: Float = 50.0 * (below + up_to) / len(ordered)
    return share


@dataclass(frozen=True)
class OutOfDistribution:
    """How far n images lie from the training data.

    Attributes
    ----------
    error
        (n,) mean squared error of reconstruction over voxels and channels; of a table in standard deviations of its
        columns in the training part. None where the model does not decode.
    error_percentile
        (n,) among the subjects compared with.
    distance
        (n,) Mahalanobis distance of μ from the mean of the training μ.
    distance_percentile
        (n,) among the same subjects.
    part
        `held-out`, or `training`: percentiles among the training subjects are too high, because the model was fitted
        on them; they are used only where the test set has fewer than 20 subjects.
    n
        Subjects compared with.
    """

    error: Float | None
    error_percentile: Float | None
    distance: Float
    distance_percentile: Float
    part: str
    n: int

    @property
    def far(self) -> NDArray[np.bool_]:
        """(n,) whether either percentile is above 99."""
        far = self.distance_percentile > FAR
        return far if self.error_percentile is None else far | (self.error_percentile > FAR)


def compare_with_cohort(
    trained: TrainedModel, cohort: Cohort, images: NDArray[np.float32], z: NDArray[np.float32]
) -> OutOfDistribution:
    """Compare images (n, C, *spatial) and their latents z (n, L) with the cohort of the run."""
    latents = trained.latents
    part, rows = reference_subjects(latents)
    distance = mahalanobis(z, latents.z[~latents.test])
    distances = mahalanobis(latents.z[rows], latents.z[~latents.test])
    error = errors = None
    if trained.model.decodes:
        unit = unit_of_errors(cohort, np.flatnonzero(~latents.test))
        error = squared_error(trained, images, z, unit)
        batches = np.array_split(rows, -(-len(rows) // BATCH))
        errors = np.concatenate([squared_error(trained, cohort.images(at), latents.z[at], unit) for at in batches])
    return OutOfDistribution(
        error,
        None if error is None or errors is None else percentile(error, errors),
        distance,
        percentile(distance, distances),
        part,
        len(rows),
    )


def reference_subjects(latents: Latents) -> tuple[str, NDArray[np.intp]]:
    """Part and rows of the reference subjects: the test set, or all others where it is too small; evenly thinned."""
    is_enough = latents.test.sum() >= FEWEST
    rows = np.flatnonzero(latents.test if is_enough else ~latents.test)
    return "held-out" if is_enough else "training", rows[
        np.linspace(0, len(rows) - 1, min(len(rows), MOST)).astype(int)
    ]


def mahalanobis(z: NDArray[np.floating], among: NDArray[np.floating]) -> Float:
    """Distance (n,) of latents z (n, L) from the mean of `among` (m, L), in its covariance; idle directions count 0."""
    reference = among.astype(np.float64)
    away = z.astype(np.float64) - reference.mean(axis=0)
    inverse = np.linalg.pinv(np.atleast_2d(np.cov(reference, rowvar=False, bias=True)), rcond=1e-9, hermitian=True)
    distance: Float = np.sqrt(np.maximum(np.einsum("ni,ij,nj->n", away, inverse, away), 0.0))
    return distance


def squared_error(
    trained: TrainedModel, images: NDArray[np.float32], z: NDArray[np.float32], unit: NDArray[np.float32] | float
) -> Float:
    """Mean squared error (n,) between decoded z and images, in `unit` (C, *spatial)."""
    error: Float = (
        (((trained.decode(z.astype(np.float64)) - images) / unit) ** 2)
        .reshape(len(images), -1)
        .mean(axis=1, dtype=np.float64)
    )
    return error
