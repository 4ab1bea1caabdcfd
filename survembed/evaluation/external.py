"""Scores of a trained run on another cohort: nothing is fitted there, but the recalibrations in rows of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from survembed.evaluation.predictions import KAPLAN_MEIER, Division, PredictedCohort, Predictions
from survembed.evaluation.scores import ModelScores, Scorer, calibrate, net_benefit
from survembed.survival.bootstrap import N_RESAMPLES, Metric
from survembed.survival.horizons import horizons, middle
from survembed.survival.kaplan_meier import kaplan_meier_survival
from survembed.survival.outcome import Float, Outcome
from survembed.survival.recalibration import (
    AtHorizon,
    Recalibration,
    calibration_in_the_large,
    cox_calibration_slope,
    observed_and_predicted,
    recalibrate,
)
from survembed.survival.time_grid import time_grid

BATCH = 256
"""Subjects whose S(t) is computed at each other's durations at once."""
INTERCEPT, SLOPE = "recalibrated: intercept", "recalibrated: intercept and slope"
RECALIBRATED = (
    "recalibrated on the subjects that are scored: slightly optimistic",
    "the slope is not positive: the risks are in reverse order, and no recalibration can mend that",
)


@dataclass(frozen=True)
class ExternalModel:
    """A fitted survival model on another cohort.

    Attributes
    ----------
    features, name
        Row and column of its scores.
    seed
        Of its training.
    risk
        (n,) of the subjects of the other cohort, higher = worse.
    is_log_hazard
        Whether the risk is a log-hazard.
    survival
        From rows (k,) of the cohort and times (T,) to S(t) (k, T); NaN after the development follow-up.
    last_time
        End of that follow-up.
    notes
        On its fit.
    """

    features: str
    name: str
    seed: int
    risk: Float
    is_log_hazard: bool
    survival: Callable[[Any, Float], Float]
    last_time: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExternalScores:
    """Scores of one model, or of one recalibration of it.

    Attributes
    ----------
    scores
        As of a test set.
    in_the_large, slope
        log(observed / expected events), and the Cox coefficient of the linear predictor.
    at_horizons
        Observed and predicted risk.
    curve
        Mean predicted S(t) on the grid.
    """

    scores: ModelScores
    in_the_large: Metric
    slope: Metric
    at_horizons: list[AtHorizon]
    curve: Float


@dataclass(frozen=True)
class External:
    """Scores of some models on another cohort.

    Attributes
    ----------
    grid
        (G,) times of the Brier score.
    observed
        (G,) Kaplan–Meier curve of the cohort on the grid.
    ibs_km
        Integrated Brier score of that curve, fitted on the cohort itself.
    rows
        Each model, followed by its recalibrations.
    cohort, predictions
        Predictions behind the scores.
    """

    grid: Float
    observed: Float
    ibs_km: Metric
    rows: list[ExternalScores]
    cohort: PredictedCohort
    predictions: list[Predictions] = field(default_factory=list)


def score_external(
    cohort: PredictedCohort,
    models: Sequence[ExternalModel],
    wanted: Sequence[float] = (),
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> External:
    """Score models on another cohort, with the censoring weights and the Kaplan–Meier null model of that cohort.

    Parameters
    ----------
    cohort
        Its ids and outcomes; the times are chosen here.
    models
        One or more.
    wanted
        Horizons; by default the quarters of the grid.
    """
    outcome, everyone = cohort.outcome, np.arange(len(cohort.id))
    grid = _grid(outcome, min(model.last_time for model in models))
    at = horizons(grid, wanted)
    times = np.union1d(grid, at)
    division = Division(everyone, everyone)
    null = Predictions("none", KAPLAN_MEIER, division, 0, np.zeros(len(everyone)), _null(outcome, grid))
    scorer = Scorer(outcome, grid, [[null]], everyone, n_resamples, seed, wanted)
    cohort = replace(cohort, times=times)
    found = External(grid, null.survival[0], scorer.ibs_null, [], cohort)
    for model in models:
        subjects = _Subjects(outcome, model, everyone)
        variants: list[tuple[str, Recalibration | None, tuple[str, ...]]] = [(model.name, None, model.notes)]
        variants.append((f"{model.name}, {INTERCEPT}", subjects.recalibrated(), RECALIBRATED[:1]))
        slope = cox_calibration_slope(subjects.covered, subjects.predictor(middle(at)), n_resamples=0).value
        if slope > 0:
            variants.append((f"{model.name}, {SLOPE}", subjects.recalibrated(middle(at), slope), RECALIBRATED[:1]))
        elif slope <= 0:
            variants[0] = (model.name, None, (*model.notes, RECALIBRATED[1]))
        survival = model.survival(everyone, times)
        for name, recalibration, notes in variants:
            shown = recalibration.survival(survival) if recalibration else survival
            risk = model.risk if recalibration is None else subjects.risk(recalibration)
            predicted = Predictions(model.features, name, division, model.seed, risk, shown, notes)
            found.predictions.append(replace(predicted, division=Division(everyone[:0], everyone)))
            found.rows.append(_scores(scorer, subjects, predicted, recalibration, times, at, wanted))
    return found


def _scores(
    scorer: Scorer,
    subjects: _Subjects,
    predicted: Predictions,
    recalibration: Recalibration | None,
    times: Float,
    at: Sequence[float],
    wanted: Sequence[float],
) -> ExternalScores:
    options, outcome = scorer.options, scorer.outcome
    on_grid = predicted.on(scorer.times, times)
    scores = scorer.score(predicted.features, predicted.model, [[on_grid]], predicted.notes)
    calibration = calibrate(outcome, predicted.survival, times, **options, at=wanted) if len(times) else None
    decision = net_benefit(outcome, predicted.survival, times, wanted) if len(times) else None
    auc = scorer.auc(predicted)
    scores = replace(scores, scores={**scores.scores, **auc}, calibration=calibration, decision=decision)
    factor = 1.0 if recalibration is None else recalibration.factor
    at_horizons = predicted.survival[:, np.searchsorted(times, at)]
    horizon = middle(at) if at else np.nan
    predictor = subjects.predictor(horizon) + (0.0 if recalibration is None else np.log(recalibration.factor))
    return ExternalScores(
        scores,
        calibration_in_the_large(subjects.event, subjects.expected * factor, **options),
        cox_calibration_slope(subjects.covered, predictor, **options),
        observed_and_predicted(outcome, at_horizons, np.array(at)),
        on_grid.survival.mean(axis=0),
    )


class _Subjects:
    """Expected events of the subjects of a cohort by one model, within the follow-up that it knows.

    Attributes
    ----------
    covered
        Outcome, censored where the follow-up of the model ends.
    event, expected
        (n,) observed and expected number of events of each subject.
    """

    def __init__(self, outcome: Outcome, model: ExternalModel, everyone: Any) -> None:
        self.model = model
        duration = np.minimum(outcome.duration, model.last_time)
        self.covered = Outcome(duration, outcome.event & (outcome.duration <= model.last_time))
        self.event = self.covered.event.astype(np.float64)
        self.expected = np.empty(len(duration))
        for rows in np.array_split(everyone, -(-len(everyone) // BATCH)):
            rows = rows[np.argsort(duration[rows], kind="stable")]
            own = model.survival(rows, duration[rows]).diagonal()
            self.expected[rows] = -np.log(np.maximum(own, np.finfo(np.float64).tiny))

    def predictor(self, horizon: float) -> Float:
        """Linear predictor (n,): the log-hazard, or for other models log(−log S(horizon))."""
        if self.model.is_log_hazard:
            return self.model.risk
        survival = self.model.survival(np.arange(len(self.event)), np.array([horizon]))[:, 0]
        predictor: Float = np.log(-np.log(np.clip(survival, 1e-12, 1.0 - 1e-12)))
        return predictor

    def recalibrated(self, horizon: float = np.nan, slope: float = 1.0) -> Recalibration:
        predictor = self.model.risk if slope == 1.0 else self.predictor(horizon)
        return recalibrate(self.event, self.expected, predictor, slope)

    def risk(self, recalibration: Recalibration) -> Float:
        """Risk (n,) after recalibration; that of a model without log-hazards keeps its order."""
        return self.model.risk + np.log(recalibration.factor) if self.model.is_log_hazard else self.model.risk


def _grid(outcome: Outcome, last_time: float) -> Float:
    grid = time_grid(outcome, outcome)
    if len(grid) and grid[-1] > last_time:
        return np.linspace(grid[0], last_time, len(grid)) if grid[0] < last_time else grid[:0]
    return grid


def _null(outcome: Outcome, grid: Float) -> Float:
    return kaplan_meier_survival(outcome, len(outcome.duration), grid)
