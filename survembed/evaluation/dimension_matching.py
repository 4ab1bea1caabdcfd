"""Matching of the latent dimensions of two runs by their effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survembed.survival.outcome import Float


@dataclass(frozen=True)
class Match:
    """Dimensions of another run, in the order of the first run.

    Attributes
    ----------
    dimension
        (L,) matched dimension of the other run; each is used once.
    similarity
        (L,) |cosine| of the two effects, in [0, 1]; 0 for a dimension without effect.
    sign
        (L,) -1 where the other dimension has the opposite direction; the sign of a latent is arbitrary.
    """

    dimension: NDArray[np.int64]
    similarity: Float
    sign: Float


def match(ours: Float, theirs: Float) -> Match:
    """Match dimensions by their effects (L, d): the assignment with the largest sum of |cosine|.

    Parameters
    ----------
    ours, theirs
        Change caused by a step along each dimension, on the same d numbers (voxels of the decoded image, or subjects)
        and for the same number of dimensions.
    """
    from scipy.optimize import linear_sum_assignment

    cosine = _unit(ours) @ _unit(theirs).T
    rows, columns = linear_sum_assignment(-np.abs(cosine))
    matched = cosine[rows, columns]
    return Match(columns.astype(np.int64), np.abs(matched), np.where(matched < 0, -1.0, 1.0))


def _unit(effects: Float) -> Float:
    length = np.linalg.norm(effects, axis=1, keepdims=True)
    unit: Float = effects / np.where(length > 0, length, 1.0)
    return unit
