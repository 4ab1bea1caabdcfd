"""Scores in groups of subjects: sexes, centres, scanners, thirds of age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.errors import UsageError, nearest
from survembed.evaluation.predictions import PredictedCohort, Predictions
from survembed.survival.bootstrap import N_RESAMPLES, Metric
from survembed.survival.brier import integrated_brier_score
from survembed.survival.concordance import harrell_c
from survembed.survival.outcome import Float, Outcome

FEWEST_EVENTS = 10
"""With fewer events in a group its scores say nothing."""
MAX_GROUPS = 20
N_QUANTILES = 3
FEW_VALUES = 6
"""A number with more distinct values is divided at its quantiles."""


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


def groups_of(name: str, values: NDArray[Any]) -> dict[str, NDArray[np.bool_]]:
    """Masks (n,) of the groups of a covariate, by value; numbers with many values in thirds; `missing` last.

    Raises
    ------
    UsageError
        When it is text with too many values to be groups.
    """
    if values.dtype.kind in "OUS":
        levels = sorted(set(values.tolist()) - {""})
        if len(levels) > MAX_GROUPS:
            raise UsageError(
                f"'{name}' has {len(levels)} different values: too many for groups",
                where=f"--by {name}",
                expected=f"a covariate with up to {MAX_GROUPS} values, or numbers",
            )
        groups = {str(level): np.asarray(values == level) for level in levels}
        missing = np.asarray(values == "")
    else:
        numbers = values.astype(np.float64)
        missing = ~np.isfinite(numbers)
        distinct = np.unique(numbers[~missing])
        if len(distinct) <= FEW_VALUES:
            groups = {f"{value:g}": numbers == value for value in distinct}
        else:
            edges = np.unique(np.quantile(numbers[~missing], np.linspace(0, 1, N_QUANTILES + 1)))
            number = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
            groups = {
                f"{low:.4g} to {high:.4g}": (number == place) & ~missing
                for place, (low, high) in enumerate(pairwise(edges))
            }
    return groups | ({"missing": missing} if missing.any() else {})


def require_covariates(wanted: Sequence[str], covariates: Mapping[str, Any]) -> None:
    """Refuse names of covariates that a cohort does not have.

    Raises
    ------
    UsageError
        With the nearest name.
    """
    for name in wanted:
        if name not in covariates:
            close = nearest(name, list(covariates))
            raise UsageError(
                f"no covariate '{name}' in this cohort",
                where=f"--by {name}",
                expected=f"one of {', '.join(covariates)}" if covariates else "a cohort with covariates",
                try_=f"--by {close}" if close else None,
            )


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
