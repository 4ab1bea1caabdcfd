"""Scores of out-of-fold predictions: pooled over the folds of a division, averaged over seeds and divisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from survembed.evaluation.predictions import Division, Positions, Predictions
from survembed.survival.bootstrap import N_RESAMPLES, Metric, bootstrap
from survembed.survival.brier import brier_contributions
from survembed.survival.concordance import NO_FORM, NO_PAIR, count_pairs, harrell_pairs, inverse_censoring
from survembed.survival.outcome import Float, Outcome
from survembed.survival.time_grid import NO_GRID, time_grid

METRICS = {"harrell_c": "Harrell's C", "uno_c": "Uno's C", "ibs": "IBS"}
"""Scores by name, with the headings of their columns."""


Replicate = Sequence[Predictions]
"""Predictions of one model and one seed for every fold of one division."""


@dataclass(frozen=True)
class PooledScores:
    """Scores of one survival model over all its replicates.

    Attributes
    ----------
    metrics
        `harrell_c`, `uno_c` and `ibs`, each the mean over replicates with its interval over subjects.
    replicates
        (R,) the same for each replicate alone; their spread shows the effect of seed and division.
    """

    metrics: dict[str, Metric]
    replicates: dict[str, Float]


def common_grid(outcome: Outcome, divisions: Sequence[Division]) -> Float:
    """Times (T,) for all folds: `time_grid` of all test subjects, cut where the first development set ends."""
    tested = np.unique(np.concatenate([division.test for division in divisions]))
    grids = [time_grid(_take(outcome, division.development), _take(outcome, tested)) for division in divisions]
    return min(grids, key=lambda grid: grid[-1] if len(grid) else -np.inf)


def pooled_scores(
    outcome: Outcome,
    replicates: Sequence[Replicate],
    times: Float,
    *,
    subjects: Positions | None = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> PooledScores:
    """Score out-of-fold predictions of one survival model.

    Concordance compares two subjects only within a fold, since risks of two fitted models have no common scale.
    Concordant and comparable pairs are summed over the folds and divided once, so that a fold counts by its pairs. The
    Brier score is averaged over all subjects, each with the censoring weights of its own development set. The result is
    the mean over replicates.

    Intervals come from resampling subjects with all their predictions; equal seeds and subjects make them paired
    between models. They hold for these fitted models; `PooledScores.replicates` shows the variation between trainings.

    Parameters
    ----------
    outcome
        Of all N subjects of the cohort.
    replicates
        One for each seed and division.
    times
        (T,) from `common_grid`; its end also truncates Uno's C.
    subjects
        (n,) increasing positions of the subjects that are resampled, equal for all models that are compared. The test
        subjects of `replicates` where not given.
    n_resamples, seed
        Of the bootstrap.
    """
    if subjects is None:
        subjects = np.unique(np.concatenate([fold.division.test for replicate in replicates for fold in replicate]))
    pool = _Pool(outcome, replicates, times, subjects)
    parts_by_metric = {"harrell_c": pool.harrell(), "uno_c": pool.uno(), "ibs": pool.brier()}
    metrics, alone = {}, {}
    for name, (parts, reason) in parts_by_metric.items():
        if not parts:
            metrics[name], alone[name] = Metric(np.nan, reason=reason), np.full(len(replicates), np.nan)
            continue

        def statistic(weight: Float, parts: Sequence[_Ratio] = parts) -> Float:
            mean: Float = np.mean([part(weight) for part in parts], axis=0)
            return mean

        metrics[name] = bootstrap(statistic, len(subjects), n_resamples=n_resamples, seed=seed, reason=reason)
        alone[name] = np.array([part(np.ones((len(subjects), 1)))[0] for part in parts])
    return PooledScores(metrics, alone)


def pooled_auc(
    outcome: Outcome,
    replicates: Sequence[Replicate],
    horizon: float,
    *,
    subjects: Positions,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Metric:
    """Time-dependent AUC at `horizon`, pooled over folds and averaged over replicates as in `pooled_scores`.

    Cases and controls are those of `time_dependent_auc`; a pair is of one fold.
    """
    parts, reason = _Pool(outcome, replicates, np.empty(0), subjects).auc(horizon)
    if not parts:
        return Metric(np.nan, reason=reason)

    def statistic(weight: Float) -> Float:
        mean: Float = np.mean([part(weight) for part in parts], axis=0)
        return mean

    return bootstrap(statistic, len(subjects), n_resamples=n_resamples, seed=seed, reason=reason)


_Ratio = Callable[[Float], Float]
_Parts = tuple[list[_Ratio], str]


class _Pool:
    """The replicates as functions of weights (n, b) of the subjects."""

    def __init__(self, outcome: Outcome, replicates: Sequence[Replicate], times: Float, subjects: Positions) -> None:
        self.outcome, self.replicates, self.times, self.subjects = outcome, replicates, times, subjects

    def harrell(self) -> _Parts:
        return self._concordance(lambda train, test: (test.event.astype(np.float64), ""))

    def uno(self) -> _Parts:
        if not len(self.times):
            return [], NO_GRID
        end = self.times[-1]
        return self._concordance(
            lambda train, test: inverse_censoring(train, test, test.event & (test.duration < end), power=2)
        )

    def auc(self, horizon: float) -> _Parts:
        if self.outcome.entry is not None:
            return [], NO_FORM
        parts: list[_Ratio] = []
        for replicate in self.replicates:
            folds = []
            for fold in replicate:
                train, test = _take(self.outcome, fold.division.development), _take(self.outcome, fold.division.test)
                is_case, is_control = test.event & (test.duration <= horizon), test.duration > horizon
                case, reason = inverse_censoring(train, test, is_case, power=1)
                if reason or not np.isfinite(fold.risk).all():
                    return [], reason or "some risks are not finite numbers"
                known = is_case | is_control
                rows = np.searchsorted(self.subjects, fold.division.test[known])
                slot = is_control[known].astype(np.int64)
                folds.append((slot, case[known], fold.risk[known], rows, np.ones(len(slot))))
            parts.append(_pairs_of(folds))
        return parts, f"no case or no control at {horizon:g}"

    def brier(self) -> _Parts:
        if len(self.times) < 2:
            return [], NO_GRID
        if self.outcome.entry is not None:
            return [], NO_FORM
        parts: list[_Ratio] = []
        for replicate in self.replicates:
            areas, rows = [], []
            for fold in replicate:
                train, test = _take(self.outcome, fold.division.development), _take(self.outcome, fold.division.test)
                contributions = brier_contributions(train, test, fold.survival, self.times)
                areas.append(np.trapezoid(contributions, self.times, axis=1) / (self.times[-1] - self.times[0]))
                rows.append(np.searchsorted(self.subjects, fold.division.test))
            parts.append(_mean_of(np.concatenate(areas), np.concatenate(rows)))
        return parts, "S(t) or G(t) is unknown at some of the times"

    def _concordance(self, cases: Callable[[Outcome, Outcome], tuple[Float, str]]) -> _Parts:
        parts: list[_Ratio] = []
        for replicate in self.replicates:
            folds = []
            for fold in replicate:
                test = _take(self.outcome, fold.division.test)
                case, reason = cases(_take(self.outcome, fold.division.development), test)
                if reason or not np.isfinite(fold.risk).all():
                    return [], reason or "some risks are not finite numbers"
                slot, _, control, row = harrell_pairs(test)
                case = np.concatenate([case, np.zeros(len(slot) - len(case))])
                rows = np.searchsorted(self.subjects, fold.division.test)
                folds.append((slot, case, fold.risk[row], rows[row], control))
            parts.append(_pairs_of(folds))
        return parts, NO_PAIR


def _pairs_of(folds: list[tuple[Positions, Float, Float, Positions, Float]]) -> _Ratio:
    def concordance(weight: Float) -> Float:
        concordant, comparable = np.zeros((2, weight.shape[1]))
        for slot, case, risk, rows, control in folds:
            more_concordant, more_comparable = count_pairs(slot, case, risk, weight[rows], control)
            concordant += more_concordant
            comparable += more_comparable
        c = np.full(weight.shape[1], np.nan)
        np.divide(concordant, comparable, out=c, where=comparable > 0)
        return c

    return concordance


def _mean_of(values: Float, rows: Positions) -> _Ratio:
    def mean(weight: Float) -> Float:
        drawn = weight[rows]
        with np.errstate(invalid="ignore"):  # a resample may contain none of these subjects
            average: Float = values @ drawn / drawn.sum(axis=0)
        return average

    return mean


def _take(outcome: Outcome, index: Positions) -> Outcome:
    return outcome.take(index)
