"""Downstream models: risk and S(t) on given times from any estimator with scikit-survival's interface."""

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

_BLOCK = 10_000_000  # values of S(t) predicted at once: 80 MB


class SurvivalEstimator(Protocol):
    """scikit-survival's interface: the methods that a downstream model needs.

    Optional methods: `predict_survival_function(Z, return_array=True)` returns S(t) on the estimator's own times;
    `predict_survival_at(Z, times)` returns S(t), shape (n, T), on given times and is preferred; `memory_estimate(n)`
    returns the bytes for n subjects, and the estimator is not fitted if the machine has less. `survembed.testing`
    checks that S(t) is in [0, 1], does not rise, and is lower where the risk is higher, and that risks are a function
    of data and seed, and finite for a latent that is constant or far from the training latents.
    """

    def fit(self, X: Any, y: Any) -> Any:  # noqa: N803
        """Fit on latents (n, L) and a structured array (n,) of event and time."""

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Risk (n,), higher = worse."""


@dataclass(frozen=True)
class FittedDownstream:
    """A downstream model fitted on the training latents; see `fit_downstream`.

    Attributes
    ----------
    estimator
        The fitted estimator.
    last_time
        Largest training duration: S(t) is NaN beyond it.
    own_times
        (k,) times of the estimator's own survival functions; None if it has none.
    slope, baseline
        Cox model of the risk on the training part, for estimators without survival functions.
    notes
        Warnings of the fit (no convergence, all coefficients zero, …).
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
        """Reasons by dropped latent dimension, counted from 0."""
        first = self.estimator[0] if hasattr(self.estimator, "__getitem__") else self.estimator
        return dict(getattr(first, "dropped_", {}))

    def _interpolate(self, z: NDArray[Any], at: Float, own_times: Float) -> Float:
        rows = max(1, _BLOCK // len(own_times))
        blocks = [
            StepFunction(own_times, self.estimator.predict_survival_function(z[i : i + rows], return_array=True))(at)  # type: ignore[attr-defined]  # checked in fit_downstream
            for i in range(0, len(z), rows)
        ]
        return np.concatenate(blocks) if blocks else np.empty((0, len(at)))


def fit_downstream(estimator: SurvivalEstimator, z: ArrayLike, train: Outcome) -> FittedDownstream:
    """Fit an estimator on the training latents, with a Cox model of its risk if it has no survival functions.

    Parameters
    ----------
    estimator
        Built by a downstream component.
    z
        (n, L) latents μ of the training part.
    train
        Outcome of these n subjects.

    Raises
    ------
    DataError
        Fewer than two subjects, no event, late entry, latents that are not finite, a fit that fails or needs more
        memory than the machine has.
    """
    z = np.asarray(z)
    name = type(estimator).__name__
    if len(z) < 2 or not train.event.any():
        raise DataError(f"{len(z)} training subject(s), {int(train.event.sum())} event(s): too few to fit {name}")
    if train.entry is not None:
        raise DataError(f"{name} takes no late entry: only the Cox heads of a run do")
    if not np.isfinite(z).all():
        raise DataError(
            f"{int((~np.isfinite(z)).any(axis=1).sum())} training subject(s) have latents that are not finite"
        )
    needed = estimator.memory_estimate(len(z)) if hasattr(estimator, "memory_estimate") else 0
    if needed > (available := _memory()):
        raise DataError(
            f"{name} would need {needed / 1e9:.3g} GB for {len(z)} subjects, the machine has {available / 1e9:.3g} GB"
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            estimator.fit(z, to_structured(train.duration, train.event))
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            raise DataError(f"{name} could not be fitted: {error}") from error
    notes = tuple(dict.fromkeys(str(warning.message) for warning in caught))
    last_time = float(train.duration.max())
    direct = hasattr(estimator, "predict_survival_at")
    own_times = None if direct else _own_times(estimator, z)
    if direct or own_times is not None:
        return FittedDownstream(estimator, last_time, own_times, 1.0, None, notes)
    risk = _risk(estimator, z)
    # A risk score has no scale; a Cox model on the same subjects provides one.
    slope = float(np.nan_to_num(cox_slope(risk, train.duration, train.event)[0]))
    return FittedDownstream(estimator, last_time, None, slope, BreslowBaseline.fit(slope * risk, *train), notes)


@contextmanager
def failing_as(name: str) -> Iterator[None]:
    """Convert any exception of an estimator into a `DataError` that names it, so that other models still run."""
    try:
        yield
    except SurvembedError:
        raise
    except Exception as error:
        raise DataError(f"{name} failed: {type(error).__name__}: {error}".splitlines()[0]) from error


def _memory() -> float:
    """Bytes of physical memory; infinity if unknown."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return math.inf


def _risk(estimator: SurvivalEstimator, z: ArrayLike) -> Float:
    # scikit-survival marks the few estimators that predict a time (higher = better) instead of a risk.
    sign = 1.0 if getattr(estimator, "_predict_risk_score", True) else -1.0
    return sign * np.asarray(estimator.predict(np.asarray(z)), dtype=np.float64)


def _own_times(estimator: SurvivalEstimator, z: NDArray[Any]) -> Float | None:
    """Times of the estimator's survival functions; None if it has none, which may depend on its options."""
    try:
        function = estimator.predict_survival_function(z[:1])[0]  # type: ignore[attr-defined]  # AttributeError means None
    except (AttributeError, NotImplementedError, ValueError):
        return None
    return np.asarray(function.x, dtype=np.float64)
