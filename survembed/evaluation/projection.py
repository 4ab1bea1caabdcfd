"""The latents of a run on a plane, by PCA as in the paper's Figures 2 and 4, or by UMAP."""

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
    """Subjects of one run on a plane that was fitted to its training part.

    Attributes
    ----------
    points
        (n, 2) float64.
    by, colour
        What colours the subjects, and (n,) its values.
    event
        (n,) bool.
    explained
        Share of the training variance along each of the two axes; None for UMAP.
    held_out
        Whether the subjects are those of the test part; else, where there is no such part, all.
    """

    points: Float
    by: Colour
    colour: Float
    event: NDArray[np.bool_]
    explained: tuple[float, float] | None
    held_out: bool

    def to_dict(self) -> dict[str, Any]:
        """What the figure shows, for JSON, without the single subjects."""
        return {
            "n": len(self.points),
            "events": int(self.event.sum()),
            "held_out": self.held_out,
            "explained": self.explained,
        }


def plane(latents: Latents, *, method: Method = "pca", colour: Colour = "duration") -> Projection:
    """The test part (everyone where there is none) on the first two principal components of the training μ.

    Coloured by the truth where it is known and asked for.

    An axis has no sign of its own. The first one points where `colour` rises, so that pictures of several models can be
    compared; the second one where its largest loading does. UMAP is fitted to the training μ too, with a fixed seed.

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
        points = _umap(mu[train], mu[shown])
    else:
        axes, explained = principal_axes(mu[train])
        points = (mu[shown] - mu[train].mean(axis=0)) @ axes.T
    seen = values[shown]
    if points[:, 0] @ (seen - seen.mean()) < 0:
        points[:, 0] *= -1
    return Projection(points, by, seen, latents.event[shown], explained, bool(latents.test.any()))


def principal_axes(mu: Float) -> tuple[Float, tuple[float, float]]:
    """The first two principal axes (2, L) of latents μ (n, L), and the share of the variance along each.

    Each points where its largest loading does. Of latents with one dimension the second is zero.
    """
    _, size, found = np.linalg.svd(mu - mu.mean(axis=0), full_matrices=False)
    found = found * np.sign(found[np.arange(len(found)), np.abs(found).argmax(axis=1)])[:, None]
    axes = np.zeros((2, mu.shape[1]))
    axes[: len(found[:2])] = found[:2]
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
        warnings.simplefilter("ignore")  # it warns of its own use of one thread, which a fixed seed brings
        neighbours = min(15, len(train) - 1)
        found: Float = UMAP(n_neighbors=neighbours, random_state=0).fit(train).transform(shown).astype(np.float64)
    return found
