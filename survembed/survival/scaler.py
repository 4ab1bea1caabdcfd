"""Standardisation of latents that drops constant and collinear dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from survembed.survival.outcome import Float

DEAD = 1e-6  # standard deviation as a share of the largest value: the resolution of float32
COLLINEAR = 1e-4  # share of the standard deviation that the earlier dimensions leave unexplained


class LatentScaler(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Standardise latents by the training part; drop constant and collinear dimensions.

    If no dimension is left, the transformed latents are one column of zeros, with which any model is the null model.

    Attributes
    ----------
    mean_, scale_
        (L,) of the training latents.
    kept_
        (k,) dimensions kept, counted from 0.
    dropped_
        Reason by dropped dimension.
    """

    def fit(self, X: Any, y: Any = None) -> LatentScaler:  # noqa: N803
        """Learn means, scales and dropped dimensions from (n, L) latents."""
        x = validate_data(self, X, dtype=np.float64)
        self.mean_, self.scale_ = x.mean(axis=0), x.std(axis=0)
        self.dropped_: dict[int, str] = {}
        kept: list[int] = []
        basis = np.empty((len(x), 0))
        dead = self.scale_ <= DEAD * np.abs(x).max(axis=0)
        for j in range(x.shape[1]):
            if dead[j]:
                self.dropped_[j] = f"constant ({self.mean_[j]:.3g})"
                continue
            column = (x[:, j] - self.mean_[j]) / self.scale_[j] / np.sqrt(len(x))
            # The second pass removes the rounding errors of the first.
            rest = column - basis @ (basis.T @ column)
            rest -= basis @ (basis.T @ rest)
            length = np.linalg.norm(rest)
            if length <= COLLINEAR:
                self.dropped_[j] = f"a linear combination of dimensions {', '.join(map(str, kept))}"
                continue
            kept.append(j)
            basis = np.column_stack([basis, rest / length])
        self.kept_ = np.array(kept, dtype=np.intp)
        return self

    def transform(self, X: Any) -> Float:  # noqa: N803
        """Standardised latents (n, k) of the dimensions kept."""
        check_is_fitted(self)
        x = validate_data(self, X, dtype=np.float64, reset=False)
        if not len(self.kept_):
            return np.zeros((len(x), 1))
        z: Float = (x[:, self.kept_] - self.mean_[self.kept_]) / self.scale_[self.kept_]
        return z
