"""Cox proportional hazards on latents, safe against collapsed and collinear dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data
from sksurv.base import SurvivalAnalysisMixin
from sksurv.functions import StepFunction
from sksurv.linear_model import CoxPHSurvivalAnalysis

from survembed.survival.breslow import BreslowBaseline
from survembed.survival.outcome import Float, from_structured
from survembed.survival.scaler import LatentScaler


class CoxPHEstimator(SurvivalAnalysisMixin, BaseEstimator):  # type: ignore[misc]  # scikit-survival is untyped
    """scikit-survival's exact Cox model on standardised latents with a small ridge and Breslow's baseline.

    Parameters
    ----------
    ridge
        Penalty ridge/2 · Σ b² on the log partial likelihood, b per standard deviation of a latent. 0.1 leaves estimates
        as they are, yet keeps them finite where subjects separate perfectly.
    ties
        `breslow` or `efron`.

    Attributes
    ----------
    coef_
        (L,) log-hazard per unit of each latent; 0 for those dropped.
    dropped_
        Reason by dimension, counted from 0, for latents that are constant or collinear. All dropped: the null model.
    baseline_
        `BreslowBaseline` of the training part, at log-hazards relative to the mean latent.
    unique_times_
        (k,) training event times.
    """

    def __init__(self, *, ridge: float = 0.1, ties: str = "breslow") -> None:
        self.ridge = ridge
        self.ties = ties

    def fit(self, X: Any, y: NDArray[np.void]) -> CoxPHEstimator:  # noqa: N803
        """Fit on latents (n, L) and scikit-survival's structured y (n,)."""
        x = validate_data(self, X, dtype=np.float64)
        scaler = LatentScaler()
        z = scaler.fit_transform(x)
        model = CoxPHSurvivalAnalysis(alpha=self.ridge, ties=self.ties).fit(z, y)
        self.mean_, self.dropped_ = scaler.mean_, scaler.dropped_
        self.coef_ = np.zeros(x.shape[1])
        if len(scaler.kept_):
            self.coef_[scaler.kept_] = model.coef_ / scaler.scale_[scaler.kept_]
        self.baseline_ = BreslowBaseline.fit(self._log_hazard(x), *from_structured(y))
        self.unique_times_ = self.baseline_.times
        return self

    def predict(self, X: Any) -> Float:  # noqa: N803
        """Log-hazard (n,) relative to the mean latent, higher dies sooner."""
        check_is_fitted(self)
        return self._log_hazard(validate_data(self, X, dtype=np.float64, reset=False))

    def predict_survival_at(self, X: Any, times: ArrayLike) -> Float:  # noqa: N803
        """S(t) on `times` (T,): (n, T); 1 before the first event, NaN beyond training follow-up."""
        return self.baseline_.survival(self.predict(X), times)

    def predict_survival_function(self, X: Any, return_array: bool = False) -> Any:  # noqa: N803
        """S(t) on `unique_times_`, as an array (n, k) or as scikit-survival's step functions."""
        survival = self.predict_survival_at(X, self.unique_times_)
        return survival if return_array else [StepFunction(self.unique_times_, row) for row in survival]

    def _log_hazard(self, x: Float) -> Float:
        log_hazard: Float = (x - self.mean_) @ self.coef_
        return log_hazard
