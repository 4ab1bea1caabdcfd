"""Linear survival support vector machine for durations of 0 days as well."""

from __future__ import annotations

from typing import Any

import numpy as np
from sksurv.svm import FastSurvivalSVM

from survembed.survival.outcome import from_structured, to_structured


class RankingSVM(FastSurvivalSVM):  # type: ignore[misc]  # scikit-survival is untyped
    """scikit-survival's `FastSurvivalSVM` on the ranks of the durations, from 1.

    The ranking objective (Pölsterl and others, ECML PKDD 2015) depends on the order of the durations only, so that the
    fitted model is the same. scikit-survival refuses durations of 0, for the sake of a regression that is not used.
    """

    def fit(self, X: Any, y: Any) -> RankingSVM:  # noqa: N803
        """Fit on latents (n, L) and a structured array (n,) of event and time, which may be 0."""
        duration, event = from_structured(y)
        rank = np.unique(duration, return_inverse=True)[1] + 1
        fitted: RankingSVM = super().fit(X, to_structured(rank, event))
        return fitted
