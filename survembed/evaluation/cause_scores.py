"""Scores of predictions for competing causes on the test subjects of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from survembed.evaluation.predictions import CausePrediction, Predictions
from survembed.evaluation.score_tables import TextTable
from survembed.evaluation.test_set import EvaluationSet
from survembed.survival.aalen_johansen import aalen_johansen
from survembed.survival.bootstrap import Metric, with_interval
from survembed.survival.competing_risks import (
    CausedOutcome,
    IncidenceCalibration,
    cause_auc,
    cause_c,
    incidence_calibration,
    incidence_ibs,
)
from survembed.survival.horizons import horizons, middle
from survembed.survival.outcome import Float
from survembed.survival.time_grid import NO_GRID


@dataclass(frozen=True)
class CauseScores:
    """Scores of the predicted incidence of one cause.

    Attributes
    ----------
    model, cause
        Name of the survival model, `base` for the run's own head, and of the cause.
    events
        Test subjects with an event of it.
    c, auc, ibs, ibs_null
        Cause-specific C, truncated at the end of the grid; AUC at the middle horizon; integrated Brier score of the
        incidence, and that of Aalen and Johansen's estimate of the development set, which uses no features.
    horizon
        Of AUC and calibration; NaN without a grid.
    calibration
        Predicted and observed incidence in groups; None without a grid.
    """

    model: str
    cause: str
    events: int
    c: Metric
    auc: Metric
    ibs: Metric
    ibs_null: Metric
    horizon: float
    calibration: IncidenceCalibration | None


def predicted_causes(predictions: Iterable[Predictions]) -> Iterator[tuple[str, int, CausePrediction]]:
    """Name of the model, number of the cause from 1, and prediction, of each model that tells causes apart."""
    for each in predictions:
        for number, prediction in enumerate(each.causes, start=1):
            yield each.model, number, prediction


def cause_scores(
    subjects: EvaluationSet, predictions: Sequence[Predictions], *, n_resamples: int, seed: int
) -> list[CauseScores]:
    """Scores of each cause for each model that tells causes apart; none where no model does."""
    found = list(predicted_causes(predictions))
    if not found:
        return []
    test, development = subjects.caused(subjects.division.test), subjects.caused(subjects.division.development)
    grid, times = subjects.grid, subjects.times
    options = {"n_resamples": n_resamples, "seed": seed}
    null = aalen_johansen(
        development.duration, development.cause, max(number for _, number, _ in found), development.entry
    )
    horizon = middle(horizons(times, subjects.horizons)) if len(times) else np.nan
    end = float(grid[-1]) if len(grid) else np.inf
    scores = []
    for model, number, (name, risk, f) in found:
        on_grid, same_for_all = f[:, np.isin(times, grid)], np.tile(null(grid)[number - 1], (len(f), 1))
        auc = cause_auc(development, test, number, risk, horizon, **options) if len(times) else None
        scores.append(
            CauseScores(
                model,
                name,
                int((test.cause == number).sum()),
                cause_c(development, test, number, risk, end, **options),
                auc or Metric(np.nan, reason=NO_GRID),
                incidence_ibs(development, test, number, on_grid, grid, **options),
                incidence_ibs(development, test, number, same_for_all, grid, **options),
                horizon,
                calibrate_incidence(subjects, number, f),
            )
        )
    return scores


def calibrate_incidence(subjects: EvaluationSet, cause: int, f: Float) -> IncidenceCalibration | None:
    """Calibration at the middle horizon of the predicted incidence (n, T) of a cause; None without a time grid."""
    times = subjects.times
    if not len(times):
        return None
    horizon = middle(horizons(times, subjects.horizons))
    test: CausedOutcome = subjects.caused(subjects.division.test)
    return incidence_calibration(test, cause, f[:, np.searchsorted(times, horizon)], horizon)


def cause_table(scores: Sequence[CauseScores], unit: str) -> TextTable:
    """One row for each model and cause, with intervals."""
    columns = ["cause", "events", "C", f"AUC at {scores[0].horizon:.4g} {unit}", "IBS", "Aalen-Johansen IBS"]
    rows = []
    for each in scores:
        metrics = map(with_interval, (each.c, each.auc, each.ibs, each.ibs_null))
        rows.append([f"{each.model}, {each.cause}", str(each.events), *metrics])
    return columns, rows


def calibration_table(scores: Sequence[CauseScores]) -> TextTable | None:
    """Predicted / observed incidence of each model and cause in groups of rising prediction; None without any."""
    known = [(f"{each.model}, {each.cause}", each.calibration) for each in scores if each.calibration]
    if not known:
        return None
    cells = [
        [f"{predicted:.3f} / {_observed(observed)}" for predicted, observed, _ in zip(*groups, strict=True)]
        for _, groups in known
    ]
    rows = zip_longest(*cells, fillvalue="")
    return ["group", *(name for name, _ in known)], [[str(number), *row] for number, row in enumerate(rows, start=1)]


def calibration_title(horizon: float, unit: str) -> str:
    """Heading of `calibration_table`."""
    return (
        f"Incidence by {horizon:.4g} {unit}, predicted / observed (Aalen–Johansen), in groups of rising prediction; "
        "unknown where the follow-up of a group ends before"
    )


def _observed(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "unknown"
