"""Projection of the latents of a run on two axes, by PCA as in Figures 2 and 4 of the paper, or by UMAP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from survembed.errors import UsageError
from survembed.runs.latents import Latents
from survembed.survival.outcome import Float

Method = Literal["pca", "umap"]
Colour = Literal["duration", "truth"]


@dataclass(frozen=True)
class Projection:
    """Subjects of one run on two axes that are fitted to its development set.

    Attributes
    ----------
    points
        (n, 2) float64.
    by, colour
        Quantity that colours the subjects, and (n,) its values.
    event
        (n,) bool.
    explained
        Share of the training variance along each of the two axes; None for UMAP.
    of_test_set
        True where the subjects are the test set, False where they are all subjects, of a run without test set.
    """

    points: Float
    by: Colour
    colour: Float
    event: NDArray[np.bool_]
    explained: tuple[float, float] | None
    of_test_set: bool

    def to_dict(self) -> dict[str, Any]:
        """Summary without single subjects, for JSON."""
        return {
            "n": len(self.points),
            "events": int(self.event.sum()),
            "held_out": self.of_test_set,
            "explained": self.explained,
        }


def project(latents: Latents, *, method: Method = "pca", colour: Colour = "duration") -> Projection:
    """Project the test set (all subjects where there is none) on the first two principal components of the training μ.

    `colour` = `truth` applies where the truth is known. The sign of an axis is arbitrary: the first one points where
    `colour` rises in the development set, so that figures of several models are comparable, the second one to its
    largest loading. UMAP is also fitted to the training μ, with a fixed seed.

    Raises
    ------
    UsageError
        When umap-learn is not installed.
    """
    mu, train = latents.z.astype(np.float64), ~latents.test
    shown = latents.test if latents.test.any() else np.ones(len(mu), dtype=bool)
    by: Colour = "duration" if latents.truth is None else colour
    values = latents.duration if by == "duration" else np.asarray(latents.truth)
    explained = None
    if method == "umap":
        points = _umap(mu[train], mu)
    else:
        axes, explained = principal_axes(mu[train])
        points = (mu - mu[train].mean(axis=0)) @ axes.T
    if points[train, 0] @ (values[train] - values[train].mean()) < 0:
        points[:, 0] *= -1
    return Projection(points[shown], by, values[shown], latents.event[shown], explained, bool(latents.test.any()))


def principal_axes(mu: Float) -> tuple[Float, tuple[float, float]]:
    """The first two principal axes (2, L) of latents μ (n, L), and the share of the variance along each.

    Each points to its largest loading. Of latents with one dimension the second is zero.
    """
    _, size, loadings = np.linalg.svd(mu - mu.mean(axis=0), full_matrices=False)
    loadings = loadings * np.sign(loadings[np.arange(len(loadings)), np.abs(loadings).argmax(axis=1)])[:, None]
    axes = np.zeros((2, mu.shape[1]))
    axes[: len(loadings[:2])] = loadings[:2]
    share = np.append(size**2 / max(float((size**2).sum()), 1e-300), 0.0)
    return axes, (float(share[0]), float(share[1]))


def _umap(train: Float, shown: Float) -> Float:
    try:
        from umap import UMAP
    except ImportError as error:
        raise UsageError(
            "UMAP needs the package umap-learn",
            where="--method umap",
            expected="an environment with the extra 'umap'",
            try_="pip install 'survembed[umap]', or --method pca",
        ) from error
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fixed seed means one thread, of which it warns
        neighbours = min(15, len(train) - 1)
        points: Float = UMAP(n_neighbors=neighbours, random_state=0).fit(train).transform(shown).astype(np.float64)
    return points
