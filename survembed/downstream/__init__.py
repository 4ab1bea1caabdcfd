"""Downstream survival models, fitted on frozen latents.

`build(seed)` of a downstream component returns an estimator with scikit-survival's interface
(`base.SurvivalEstimator`), so that each of its estimators needs a class of a dozen lines here or in a plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from survembed.registry.component import Component, option

if TYPE_CHECKING:
    from survembed.downstream.base import SurvivalEstimator


class CoxPH(Component):
    """Cox proportional hazards model on standardised latents, with a small ridge."""

    ridge: float = option(0.1, gt=0, help="Penalty on the squared coefficients per standard deviation.")
    ties: Literal["breslow", "efron"] = option("breslow", help="Treatment of tied event times.")

    def build(self, seed: int) -> SurvivalEstimator:
        """The estimator; it is deterministic."""
        from survembed.downstream.coxph import CoxPHEstimator

        return CoxPHEstimator(ridge=self.ridge, ties=self.ties)


class RSF(Component):
    """Random survival forest, for cohorts of any size."""

    n_estimators: int = option(100, ge=1, help="Number of trees.")
    min_samples_split: int = option(30, ge=2, help="Minimum number of subjects in a node that is split.")
    min_samples_leaf: int = option(15, ge=1, help="Minimum number of subjects in a leaf.")
    max_features: Literal["sqrt", "log2", "all"] = option("sqrt", help="Latent dimensions tried at each split.")
    max_samples: int = option(5_000, ge=10, help="Maximum number of subjects drawn for each tree.")
    n_times: int = option(
        200, ge=10, help="Maximum number of distinct event times for growing trees; survival functions use all."
    )
    n_jobs: int = option(-1, help="Threads for growing trees, -1 for all cores; the result does not depend on it.")

    def build(self, seed: int) -> SurvivalEstimator:
        """The forest, a function of data and seed only."""
        from survembed.downstream.rsf import SurvivalForest

        return SurvivalForest(
            self.n_estimators,
            min_samples_split=self.min_samples_split,
            min_samples_leaf=self.min_samples_leaf,
            max_features=None if self.max_features == "all" else self.max_features,
            max_samples=self.max_samples,
            n_times=self.n_times,
            n_jobs=self.n_jobs,
            random_state=seed,
        )


class SurvivalTree(Component):
    """A single survival tree, grown on all training subjects and all latents."""

    max_depth: int = option(5, ge=1, help="Depth of the tree.")
    min_samples_leaf: int = option(20, ge=1, help="Minimum number of subjects in a leaf.")
    n_times: int = option(
        200, ge=10, help="Maximum number of distinct event times for growing the tree; survival functions use all."
    )

    def build(self, seed: int) -> SurvivalEstimator:
        """The tree: a forest of one, which avoids scikit-survival's memory of nodes times distinct times."""
        from survembed.downstream.rsf import SurvivalForest

        return SurvivalForest(
            1,
            min_samples_leaf=self.min_samples_leaf,
            max_depth=self.max_depth,
            max_features=None,
            bootstrap=False,
            n_times=self.n_times,
            random_state=seed,
        )


class Coxnet(Component):
    """Cox model with an elastic net on standardised latents."""

    alpha: float = option(0.01, gt=0, help="Strength of the penalty.")
    l1_ratio: float = option(0.5, gt=0, le=1, help="Share of the lasso in the penalty.")

    def build(self, seed: int) -> SurvivalEstimator:
        """The pipeline; it is deterministic."""
        from sklearn.pipeline import make_pipeline
        from sksurv.linear_model import CoxnetSurvivalAnalysis

        from survembed.survival.scaler import LatentScaler

        net = CoxnetSurvivalAnalysis(alphas=[self.alpha], l1_ratio=self.l1_ratio, fit_baseline_model=True)
        return make_pipeline(LatentScaler(), net)  # type: ignore[no-any-return]  # scikit-learn is untyped


class SSVM(Component):
    """Linear survival support vector machine; survival functions come from a Cox model of its ranking."""

    alpha: float = option(1.0, gt=0, help="Weight of the ranking errors against the size of the coefficients.")
    max_iter: int = option(100, ge=1, help="Maximum number of Newton iterations.")

    def build(self, seed: int) -> SurvivalEstimator:
        """The pipeline, a function of data and seed only."""
        from sklearn.pipeline import make_pipeline

        from survembed.downstream.ssvm import RankingSVM
        from survembed.survival.scaler import LatentScaler

        svm = RankingSVM(alpha=self.alpha, max_iter=self.max_iter, random_state=seed)
        return make_pipeline(LatentScaler(), svm)  # type: ignore[no-any-return]  # scikit-learn is untyped
