"""Distance of images from the training data: reconstruction error and Mahalanobis distance of latents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from survembed.evaluation.reconstruction import unit_of_errors
from survembed.progress import QUIET, Reporter
from survembed.runs.embedding import open_cohort
from survembed.runs.latent_axes import Coordinates
from survembed.runs.latents import Latents
from survembed.runs.trained_model import TrainedModel
from survembed.storage.files import digest
from survembed.storage.hdf5 import check_hdf5, seal_hdf5, writing_hdf5
from survembed.survival.outcome import Float

FILE, FORMAT = "reference_errors.h5", "survembed-reference-errors"
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


def compare_with_training(
    trained: TrainedModel, images: NDArray[np.float32], z: NDArray[np.float32], reporter: Reporter = QUIET
) -> OutOfDistribution:
    """Compare images (n, C, *spatial) and their latents z (n, L) with the cohort of the run."""
    compared = compared_with(trained)
    distance, error, share = distance_from_mean(z, trained.coordinates()), None, None
    if trained.model.decodes:
        known = reference_errors(trained, reporter)
        error = squared_error(trained, images, z, known.unit)
        share = percentile(error, known.errors)
    return OutOfDistribution(
        error, share, distance, percentile(distance, compared.distances), compared.part, compared.n
    )


class Compared(NamedTuple):
    """The subjects with which new ones are compared: part, number, and increasing Mahalanobis distances (m,)."""

    part: str
    n: int
    distances: Float


def compared_with(trained: TrainedModel) -> Compared:
    """The reference subjects of a run."""
    kept = trained.reference
    if kept:
        return Compared(kept.part, kept.n_compared, kept.distances)
    part, rows = reference_subjects(trained.latents)
    return Compared(part, len(rows), np.sort(distance_from_mean(trained.latents.z[rows], trained.coordinates())))


def reference_subjects(latents: Latents) -> tuple[str, NDArray[np.intp]]:
    """Part and rows of the reference subjects: the test set, or all others where it is too small; evenly thinned."""
    is_enough = latents.test.sum() >= FEWEST
    rows = np.flatnonzero(latents.test if is_enough else ~latents.test)
    return "held-out" if is_enough else "training", rows[
        np.linspace(0, len(rows) - 1, min(len(rows), MOST)).astype(int)
    ]


def mahalanobis(z: NDArray[np.floating], among: NDArray[np.floating]) -> Float:
    """Distance (n,) of latents z (n, L) from the mean of `among` (m, L), in its covariance; idle directions count 0."""
    return distance_from_mean(z, Coordinates.of(among))


def distance_from_mean(z: NDArray[np.floating], axes: Coordinates) -> Float:
    """The same from the centre of standardised axes."""
    away = z.astype(np.float64) - axes.centre
    inverse = np.linalg.pinv(axes.covariance, rcond=1e-9, hermitian=True)
    distance: Float = np.sqrt(np.maximum(np.einsum("ni,ij,nj->n", away, inverse, away), 0.0))
    return distance


class ReferenceErrors(NamedTuple):
    """Increasing reconstruction errors (m,) of the reference subjects, and their unit: 1 or (C, *spatial)."""

    errors: Float
    unit: NDArray[np.float32] | float


def reference_errors(trained: TrainedModel, reporter: Reporter = QUIET) -> ReferenceErrors:
    """Errors of the reference subjects, from `reference_errors.h5` of the run or computed from its cohort and kept.

    Raises
    ------
    RunError
        When they are not kept, and the cohort of the run is gone.
    """
    run = trained.run
    path, key = run.path / FILE, digest([run.weights_hash(), run.record["cohort"]["fingerprint"]])
    kept = _kept(path, key)
    if kept:
        return kept
    latents = trained.latents
    _, rows = reference_subjects(latents)
    with open_cohort(run, reporter) as cohort:
        unit = unit_of_errors(cohort, np.flatnonzero(~latents.test))
        batches = np.array_split(rows, -(-len(rows) // BATCH))
        errors = [squared_error(trained, cohort.images(at), latents.z[at], unit) for at in batches]
    found = ReferenceErrors(np.sort(np.concatenate(errors)), unit)
    with writing_hdf5(path) as (file, _):
        file.attrs["format"], file.attrs["key"] = FORMAT, key
        file["errors"], file["unit"] = found
        seal_hdf5(file)
    return found


def _kept(path: Path, key: str) -> ReferenceErrors | None:
    """Errors kept for these weights and this cohort; None for others, and for a damaged file."""
    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            check_hdf5(file)
            if file.attrs["format"] != FORMAT or file.attrs["key"] != key:
                return None
            unit = file["unit"][()]
            return ReferenceErrors(file["errors"][:], unit if unit.ndim else float(unit))
    except (OSError, MemoryError, KeyError, ValueError, TypeError, AttributeError, RuntimeError):
        return None


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
