"""Gradient-boosted survival analysis as a downstream model of survembed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from survembed.registry.component import Component, option

if TYPE_CHECKING:
    from survembed.downstream.base import SurvivalEstimator


class GBSA(Component):
    """Gradient boosting of regression trees on Cox's likelihood (scikit-survival)."""

    api_version: ClassVar[int] = 2

    n_estimators: int = option(100, ge=1, help="Number of trees.")
    learning_rate: float = option(0.1, gt=0, le=1, help="Shrinkage of each tree.")
    max_depth: int = option(2, ge=1, help="Depth of each tree.")

    def build(self, seed: int) -> SurvivalEstimator:
        """The estimator, a function of data and seed only."""
        from sksurv.ensemble import GradientBoostingSurvivalAnalysis

        return GradientBoostingSurvivalAnalysis(**self.model_dump(), random_state=seed)
