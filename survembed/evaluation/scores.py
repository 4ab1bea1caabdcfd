"""Scores of survival models on test subjects: of a single run, and of the rows of Table 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from survembed.errors import DataError
from survembed.evaluation.pooled_scores import METRICS, PooledScores, Replicate, pooled_auc, pooled_scores
from survembed.evaluation.predictions import Positions, Predictions
from survembed.storage.result import plain
from survembed.survival.bootstrap import N_RESAMPLES, Metric, combine
from survembed.survival.calibration import (
    CalibrationCurve,
    DCalibration,
    calibration_curve,
    calibration_slope,
    d_calibration,
)
from survembed.survival.concordance import NO_FORM, time_dependent_auc
from survembed.survival.decision_curve import DecisionCurve, decision_curve
from survembed.survival.horizons import horizons, middle
from survembed.survival.kaplan_meier import FollowUp
from survembed.survival.outcome import Float, Outcome
from survembed.survival.time_grid import NO_GRID


@dataclass(frozen=True)
class Calibration:
    """Agreement of predicted and observed survival.

    Attributes
    ----------
    horizon
        Time of slope and curve.
    slope
        1 is right, below 1 is overfitted.
    curve
        Predicted and observed risk in groups of rising risk.
    d_calibration
        Test over all times; a small p means that the model is *not* calibrated.
    """

    horizon: float
    slope: Metric
    curve: CalibrationCurve
    d_calibration: DCalibration


@dataclass(frozen=True)
class ModelScores:
    """Scores of one survival model on one set of features.

    Attributes
    ----------
    row, column
        Features and survival model: row and column of Table 1.
    scores
        `harrell_c`, `uno_c`, `ibs`, `ibs_scaled` (1 − ibs / ibs of Kaplan–Meier, higher is better): means over seeds
        and divisions, with intervals over subjects. Of a single run also `auc_<horizon>`.
    replicates
        Harrell's C and IBS of each seed and division alone.
    notes
        Features left out, warnings of fits, the reason where there are no scores.
    differences
        The scores minus those of the reference, from the paired bootstrap; empty without a reference.
    calibration
        At the middle horizon, of a single run; None for a model that could not be fitted, or without a time grid.
    decision
        Net benefit at the same horizon.
    """

    row: str
    column: str
    scores: dict[str, Metric]
    replicates: dict[str, list[float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    differences: dict[str, Metric] = field(default_factory=dict)
    calibration: Calibration | None = None
    decision: DecisionCurve | None = None


class Scorer:
    """Scores predictions of all models on the same subjects and resamples, so that intervals of differences are paired.

    Parameters
    ----------
    outcome
        Of all N subjects of the cohort.
    times
        (T,) grid of the survival functions.
    null
        Predictions of Kaplan–Meier for each division.
    subjects
        (n,) increasing positions of all test subjects.
    n_resamples, seed
        Of the bootstrap over subjects.
    at
        Horizons of the AUC; by default the quarters of the grid.

    Attributes
    ----------
    ibs_null
        Integrated Brier score of Kaplan–Meier.
    """

    def __init__(
        self,
        outcome: Outcome,
        times: Float,
        null: Sequence[Replicate],
        subjects: Positions,
        n_resamples: int = N_RESAMPLES,
        seed: int = 0,
        at: Sequence[float] = (),
    ) -> None:
        self.outcome, self.times, self.subjects = outcome, times, subjects
        self.horizons = horizons(times, at)
        self.options = {"n_resamples": n_resamples, "seed": seed}
        self.ibs_null = self._pooled(null).metrics["ibs"]

    def score(self, row: str, column: str, replicates: Sequence[Replicate], notes: Sequence[str] = ()) -> ModelScores:
        """Scores of one model over all its seeds, divisions and folds."""
        pooled = self._pooled(replicates)
        scaled = combine(lambda model, null: 1.0 - model / null, pooled.metrics["ibs"], self.ibs_null)
        alone = {name: [float(value) for value in pooled.replicates[name]] for name in ("harrell_c", "ibs")}
        return ModelScores(row, column, {**pooled.metrics, "ibs_scaled": scaled}, alone, tuple(notes))

    def pooled_auc(self, replicates: Sequence[Replicate]) -> Metric:
        """AUC at the middle of `horizons` of one model over all its seeds, divisions and folds."""
        if not len(self.times):
            return Metric(np.nan, reason=NO_GRID)
        horizon = horizons(self.times)[1]
        return pooled_auc(self.outcome, replicates, horizon, subjects=self.subjects, **self.options)

    def auc(self, predictions: Predictions) -> dict[str, Metric]:
        """`auc_<horizon>` of one model on one fold, at each horizon."""
        parts = [predictions.division.development, predictions.division.test]
        development, test = (self.outcome.take(part) for part in parts)
        return {
            f"auc_{horizon:g}": time_dependent_auc(development, test, predictions.risk, horizon, **self.options)
            for horizon in self.horizons
        }

    def _pooled(self, replicates: Sequence[Replicate]) -> PooledScores:
        return pooled_scores(self.outcome, replicates, self.times, subjects=self.subjects, **self.options)


def summary(cohort: FollowUp) -> dict[str, Any]:
    """Subjects, events and median follow-up, for JSON."""
    return {"n": cohort.n, "events": cohort.n_events, "median_follow_up": plain(cohort.median)}


def without_scores(row: str, column: str, reason: str) -> ModelScores:
    """A model that has no scores, with the reason."""
    missing = Metric(np.nan, reason=reason)
    return ModelScores(row, column, dict.fromkeys((*METRICS, "ibs_scaled"), missing), notes=(reason,))


def calibrate(
    test: Outcome,
    survival: Float,
    times: Float,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    at: Sequence[float] = (),
) -> Calibration:
    """Calibration of predicted S(t) (n, T) of test subjects on `times` (T,), one or more, at the middle horizon.

    `at` are horizons among the times; by default the quarters of these.

    Raises
    ------
    DataError
        When subjects enter late: slope and D-calibration have no agreed form under left truncation.
    """
    if test.entry is not None:
        raise DataError("no calibration: " + NO_FORM, expected="subjects who are observed from the start")
    horizon = middle(horizons(times, at))
    at_middle = survival[:, np.searchsorted(times, horizon)]
    return Calibration(
        horizon,
        calibration_slope(test, at_middle, horizon, n_resamples=n_resamples, seed=seed),
        calibration_curve(test, at_middle, horizon),
        d_calibration(test, survival, times),
    )


def net_benefit(test: Outcome, survival: Float, times: Float, at: Sequence[float] = ()) -> DecisionCurve:
    """Decision curve of predicted S(t) (n, T) at the middle horizon; parameters as for `calibrate`."""
    horizon = middle(horizons(times, at))
    return decision_curve(test, 1.0 - survival[:, np.searchsorted(times, horizon)], horizon)
