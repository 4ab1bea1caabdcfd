"""What a downstream model is, and how any of scikit-survival's estimators becomes risk and S(t) on chosen times."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survembed.errors import DataError, SurvembedError
from survembed.survival.breslow import BreslowBaseline
from survembed.survival.cox_slope import cox_slope
from survembed.survival.kaplan_meier import StepFunction
from survembed.survival.outcome import Float, Outcome, to_structured

_BLOCK = 10_000_000  # numbers of S(t) asked of an estimator at once: 80 MB


class SurvivalEstimator(Protocol):
    """scikit-survival's interface; all that is asked of a downstream model.

    `predict_survival_function(Z, return_array=True)`, where an estimator has it, gives S(t) on its own times; an
    estimator with `predict_survival_at(Z, times)`, shape (n, T), is asked for the wanted times directly. One with
    `memory_estimate(n)`, bytes for n subjects, is not fitted where the machine has less. What `survembed.testing` holds
    an estimator to: S(t) is in [0, 1], does not rise, and is lower where the risk is higher; risks are a function of
    data and seed, and finite where a latent is constant or far from those of the training part.
    """

    def fit(self, X: Any, y: Any) -> Any:  # noqa: N803
        """Fit on latents (n, L) and a structured array (n,) of event and time."""

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Risk (n,), higher = worse."""


@dataclass(frozen=True)
class FittedDownstream:
    """A downstream model fitted on the latents of the training part; made by `fit_downstream`.

    Attributes
    ----------
    estimator
        As the component built it, fitted.
    last_time
        Largest training duration: S(t) is NaN beyond it.
    own_times
        (k,) times of the estimator's own survival functions; None where it has none.
    slope, baseline
        For estimators without survival functions: a Cox model of their risk on the training part.
    notes
        What the estimator warned of while it was fitted (no convergence, all coefficients zero, …).
    """

    estimator: SurvivalEstimator
    last_time: float
    own_times: Float | None
    slope: float
    baseline: BreslowBaseline | None
    notes: tuple[str, ...] = ()

    def risk(self, z: ArrayLike) -> Float:
        """Risk (n,) of latents (n, L), higher = worse."""
        return _risk(self.estimator, z)

    def survival(self, z: ArrayLike, times: ArrayLike) -> Float:
        """S(t) of latents (n, L) on `times` (T,): (n, T); 1 before the first training event, NaN beyond `last_time`."""
        z, at = np.asarray(z), np.asarray(times, dtype=np.float64)
        if hasattr(self.estimator, "predict_survival_at"):
            survival = np.array(self.estimator.predict_survival_at(z, at), dtype=np.float64)
        elif self.own_times is not None:
            survival = self._interpolate(z, at, self.own_times)
        else:
            assert self.baseline is not None
            survival = self.baseline.survival(self.slope * self.risk(z), at)
        survival[:, at > self.last_time] = np.nan
        return survival

    @property
    def dropped(self) -> Mapping[int, str]:
        """Latent dimensions that the model left out, counted from 0, each with the reason."""
        first = self.estimator[0] if hasattr(self.estimator, "__getitem__") else self.estimator
        return dict(getattr(first, "dropped_", {}))

    def _interpolate(self, z: NDArray[Any], at: Float, own_times: Float) -> Float:
        rows = max(1, _BLOCK // len(own_times))
        blocks = [
            StepFunction(own_times, self.estimator.predict_survival_function(z[i : i + rows], return_array=True))(at)  # type: ignore[attr-defined]  # probed when fitted
            for i in range(0, len(z), rows)
        ]
        return np.concatenate(blocks) if blocks else np.empty((0, len(at)))


def fit_downstream(estimator: SurvivalEstimator, z: ArrayLike, train: Outcome) -> FittedDownstream:
    """Fit an estimator on the latents of the training part, with what it needs for S(t).

    Parameters
    ----------
    estimator
        From the `build` of a downstream component.
    z
        (n, L) latents μ of the training part.
    train
        What became of these n subjects.

    Raises
    ------
    DataError
        Fewer than two subjects, no event, latents that are not finite, an estimator that cannot be fitted on them or
        needs more memory than there is.
    """
    z = np.asarray(z)
    name = type(estimator).__name__
    if len(z) < 2 or not train.event.any():
        raise DataError(f"{len(z)} training subject(s), {int(train.event.sum())} event(s): too few to fit {name}")
    if not np.isfinite(z).all():
        raise DataError(
            f"{int((~np.isfinite(z)).any(axis=1).sum())} training subject(s) have latents that are not finite"
        )
    needed = estimator.memory_estimate(len(z)) if hasattr(estimator, "memory_estimate") else 0
    if needed > (there := _memory()):
        raise DataError(
            f"{name} would need {needed / 1e9:.3g} GB for {len(z)} subjects, and this machine has {there / 1e9:.3g} GB"
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            estimator.fit(z, to_structured(*train))
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            raise DataError(f"{name} could not be fitted: {error}") from error
    notes = tuple(dict.fromkeys(str(warning.message) for warning in caught))
    last_time = float(train.duration.max())
    direct = hasattr(estimator, "predict_survival_at")
    own_times = None if direct else _own_times(estimator, z)
    if direct or own_times is not None:
        return FittedDownstream(estimator, last_time, own_times, 1.0, None, notes)
    risk = _risk(estimator, z)
    # A ranking has no scale of its own: a Cox model of it on the same subjects gives it one.
    slope = float(np.nan_to_num(cox_slope(risk, *train)[0]))
    return FittedDownstream(estimator, last_time, None, slope, BreslowBaseline.fit(slope * risk, *train), notes)


@contextmanager
def failing_as(name: str) -> Iterator[None]:
    """Turn what an estimator of anybody's raises, in whatever it does, into a `DataError` that names it.

    So one bad plugin is a row with its reason, and takes no other row with it.
    """
    try:
        yield
    except SurvembedError:
        raise
    except Exception as error:
        raise DataError(f"{name} failed: {type(error).__name__}: {error}".splitlines()[0]) from error


def _memory() -> float:
    """Bytes of memory that this machine has; infinite where it does not say."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return math.inf


def _risk(estimator: SurvivalEstimator, z: ArrayLike) -> Float:
    # scikit-survival's mark of the few estimators that predict a time (higher = better) in place of a risk.
    sign = 1.0 if getattr(estimator, "_predict_risk_score", True) else -1.0
    return sign * np.asarray(estimator.predict(np.asarray(z)), dtype=np.float64)


def _own_times(estimator: SurvivalEstimator, z: NDArray[Any]) -> Float | None:
    """Times of the estimator's survival functions; many have the method but raise, depending on their options."""
    try:
        function = estimator.predict_survival_function(z[:1])[0]  # type: ignore[attr-defined]  # AttributeError is the answer
    except (AttributeError, NotImplementedError, ValueError):
        return None
    return np.asarray(function.x, dtype=np.float64)
