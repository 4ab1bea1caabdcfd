"""Scores of a run with competing causes: those of each cause on the test subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from survembed.evaluation.score_tables import TextTable
from survembed.runs.latents import Latents
from survembed.runs.trained_model import TrainedModel
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
from survembed.survival.horizons import horizons
from survembed.survival.outcome import Bool, Float


@dataclass(frozen=True)
class CauseScores:
    """Scores of the predicted incidence of one cause.

    Attributes
    ----------
    cause
        Its name.
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

    cause: str
    events: int
    c: Metric
    auc: Metric
    ibs: Metric
    ibs_null: Metric
    horizon: float
    calibration: IncidenceCalibration | None


def cause_scores(trained: TrainedModel, times: Float, *, n_resamples: int, seed: int) -> list[CauseScores]:
    """Scores of each cause on the grid `times` (T,); none for a run without competing causes."""
    latents = trained.latents
    if latents.cause is None or not trained.cause_directions():
        return []
    test, development = (_outcome(latents, part) for part in (latents.test, ~latents.test))
    z = latents.z[latents.test].astype(np.float64)
    hazards = trained.cause_log_hazards(z)
    options = {"n_resamples": n_resamples, "seed": seed}
    null = aalen_johansen(development.duration, development.cause, len(trained.header.causes), development.entry)
    scores = []
    for number, (name, f) in enumerate(trained.incidence(z, times).items(), start=1):
        risk, end = hazards[:, number - 1], float(times[-1]) if len(times) else np.inf
        horizon = horizons(times)[1] if len(times) else np.nan
        none = Metric(np.nan, reason="there is no time grid")
        same_for_all = np.tile(null(times)[number - 1], (len(z), 1))
        scores.append(
            CauseScores(
                name,
                int((test.cause == number).sum()),
                cause_c(development, test, number, risk, end, **options),
                cause_auc(development, test, number, risk, horizon, **options) if len(times) else none,
                incidence_ibs(development, test, number, f, times, **options),
                incidence_ibs(development, test, number, same_for_all, times, **options),
                horizon,
                incidence_calibration(test, number, f[:, np.searchsorted(times, horizon)], horizon)
                if len(times)
                else None,
            )
        )
    return scores


def _outcome(latents: Latents, part: Bool) -> CausedOutcome:
    assert latents.cause is not None
    entry = None if latents.entry is None else latents.entry[part]
    return CausedOutcome(latents.duration[part], latents.cause[part], entry)


def cause_table(scores: Sequence[CauseScores], unit: str) -> TextTable:
    """One row for each cause, with intervals."""
    columns = ["cause", "events", "C", f"AUC at {scores[0].horizon:.4g} {unit}", "IBS", "Aalen-Johansen IBS"]
    metrics = [[each.c, each.auc, each.ibs, each.ibs_null] for each in scores]
    rows = [[each.cause, str(each.events), *map(with_interval, row)] for each, row in zip(scores, metrics, strict=True)]
    return columns, rows
