"""Scores in groups of subjects: sexes, centres, scanners, thirds of age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.groups import groups_of, require_covariates
from survembed.evaluation.predictions import PredictedCohort, Predictions
from survembed.survival.bootstrap import N_RESAMPLES, Metric
from survembed.survival.brier import integrated_brier_score
from survembed.survival.concordance import harrell_c
from survembed.survival.outcome import Float, Outcome

FEWEST_EVENTS = 10
"""With fewer events in a group its scores say nothing."""


@dataclass(frozen=True)
class GroupScores:
    """Scores of one model in one group.

    Attributes
    ----------
    by, group
        Covariate, and its value or range.
    model
        `base`, or the name of a downstream model.
    n, n_events
        Subjects and events.
    scores
        `harrell_c` and `ibs` with intervals over the subjects of the group; with a reason where it is too small.
    """

    by: str
    group: str
    model: str
    n: int
    n_events: int
    scores: dict[str, Metric]


def score_groups(
    by: Sequence[str],
    covariates: Mapping[str, NDArray[Any]],
    cohort: PredictedCohort,
    predictions: Sequence[Predictions],
    grid: Float,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> list[GroupScores]:
    """Scores of each model in each group of each covariate in `by`; Brier scores on `grid`.

    Censoring weights come from the whole development set, or from the whole of another cohort.
    """
    require_covariates(by, covariates)
    rows = []
    for predicted in predictions:
        survival, test = predicted.on(grid, cohort.times).survival, predicted.division.test
        censoring = cohort.part(predicted.division.development if len(predicted.division.development) else test)
        for name in by:
            for group, everyone in groups_of(name, covariates[name]).items():
                mask = everyone[test]
                part = cohort.part(test[mask])
                scores = _scores(censoring, part, predicted.risk[mask], survival[mask], grid, n_resamples, seed)
                rows.append(GroupScores(name, group, predicted.model, int(mask.sum()), int(part.event.sum()), scores))
    return rows


def _scores(
    censoring: Outcome, part: Outcome, risk: Float, survival: Float, grid: Float, n_resamples: int, seed: int
) -> dict[str, Metric]:
    n_events = int(part.event.sum())
    if n_events < FEWEST_EVENTS:
        too_small = Metric(np.nan, reason=f"only {n_events} event(s) in the group, {FEWEST_EVENTS} are needed")
        return {"harrell_c": too_small, "ibs": too_small}
    options = {"n_resamples": n_resamples, "seed": seed}
    return {
        "harrell_c": harrell_c(part, risk, **options),
        "ibs": integrated_brier_score(censoring, part, survival, grid, **options),
    }
