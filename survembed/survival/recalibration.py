"""Calibration of predictions in another cohort, and their recalibration there: intercept, or intercept and slope."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from survembed.survival.bootstrap import N_RESAMPLES, Metric, bootstrap
from survembed.survival.cox_slope import cox_slope
from survembed.survival.kaplan_meier import StepFunction, kaplan_meier_band
from survembed.survival.outcome import Float, Outcome


def calibration_in_the_large(event: Float, expected: Float, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> Metric:
    """log(observed / expected events): 0 is right, above 0 means that the predictions are too good.

    Parameters
    ----------
    event
        (n,) 1 for an event in the follow-up that the predictions cover, else 0.
    expected
        (n,) cumulative hazard −log S(t) of each subject at the end of its own follow-up: its expected number of events.

    References
    ----------
    Crowson, Atkinson, Therneau, Stat Methods Med Res 25 (2016) 1692.
    """

    def statistic(weight: Float) -> Float:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio: Float = np.log((event @ weight) / (expected @ weight))
        return np.where(np.isfinite(ratio), ratio, np.nan)

    return bootstrap(statistic, len(event), n_resamples=n_resamples, seed=seed, reason="no event, or none expected")


def cox_calibration_slope(
    outcome: Outcome, linear_predictor: Float, *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> Metric:
    """Coefficient of a Cox model of n subjects on their predicted log-hazard (n,): 1 is right, below 1 overfitting."""

    def statistic(weight: Float) -> Float:
        return cox_slope(linear_predictor, outcome.duration, outcome.event, weight)

    reason = "no slope: equal predictions for all subjects, or perfect separation"
    return bootstrap(statistic, len(linear_predictor), n_resamples=n_resamples, seed=seed, reason=reason)


class Recalibration(NamedTuple):
    """Cumulative hazards of n subjects, multiplied by `factor` (n,); S(t) becomes S(t) ** factor."""

    factor: Float

    def survival(self, survival: Float) -> Float:
        """Recalibrated S(t) (n, T)."""
        recalibrated: Float = survival ** self.factor[:, None]
        return recalibrated


def recalibrate(event: Float, expected: Float, linear_predictor: Float, slope: float = 1.0) -> Recalibration:
    """The recalibration after which as many events are expected as observed.

    With the slope b of a Cox model on the linear predictor r, the cumulative hazard H of a subject becomes
    exp(a + (b − 1)(r − mean r)) H; with b = 1 the intercept alone. Two numbers are estimated on the subjects that are
    then scored, so that these scores are slightly optimistic.

    Parameters
    ----------
    event, expected
        As for `calibration_in_the_large`.
    linear_predictor
        (n,) predicted log-hazards r.

    References
    ----------
    van Houwelingen, Stat Med 19 (2000) 3401.
    """
    spread = np.exp((slope - 1.0) * (linear_predictor - linear_predictor.mean()))
    return Recalibration(spread * event.sum() / (expected @ spread))


class AtHorizon(NamedTuple):
    """Mean predicted risk of an event by `horizon`, and the observed risk 1 − Kaplan–Meier with its 95 % interval."""

    horizon: float
    predicted: float
    observed: float
    low: float
    high: float


def observed_and_predicted(outcome: Outcome, survival: Float, times: Float) -> list[AtHorizon]:
    """One entry for each of `times` (T,) with predicted S(t) (n, T); NaN observed where the follow-up ends before."""
    band = kaplan_meier_band(*outcome)
    end = float(outcome.duration.max())
    at = StepFunction(band.times, band.values)(times)
    return [
        AtHorizon(float(time), float(1.0 - survival[:, column].mean()), *map(float, _risk(at[:, column], time <= end)))
        for column, time in enumerate(times)
    ]


def _risk(survival: Float, is_known: bool) -> Float:
    """Observed risk, low and high of S(t), low and high (3,)."""
    return 1.0 - survival[[0, 2, 1]] if is_known else np.full(3, np.nan)
