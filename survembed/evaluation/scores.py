"""All scores of one survival model on one test set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from survembed.survival.bootstrap import N_RESAMPLES, Metric, combine
from survembed.survival.brier import integrated_brier_score
from survembed.survival.concordance import harrell_c, time_dependent_auc, uno_c
from survembed.survival.kaplan_meier import kaplan_meier_survival
from survembed.survival.outcome import Float, Outcome
from survembed.survival.time_grid import NO_GRID


def evaluate_predictions(
    train: Outcome,
    test: Outcome,
    risk: ArrayLike,
    survival: Float | None,
    times: Float,
    *,
    horizons: Sequence[float] = (),
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> dict[str, Metric]:
    """All metrics of one model on the test part, each with its bootstrap interval.

    Parameters
    ----------
    train
        Gives the censoring distribution and the Kaplan–Meier null model.
    test
        n subjects.
    risk
        (n,) higher = worse.
    survival
        (n, T) predicted S(t) on `times`; None where the model has none.
    times
        (T,) from `time_grid`; its end is also the truncation of Uno's C.
    horizons
        Times for the area under the curve.
    n_resamples, seed
        Equal ones give paired resamples between models, for `paired_difference`.

    Returns
    -------
    `harrell_c`, `uno_c`, `ibs`, `ibs_km` (the null model), `ibs_scaled` (1 − ibs / ibs_km, higher is better), and one
    `auc_<t>` for each horizon. A metric that cannot be had is NaN with its reason.
    """
    options = {"n_resamples": n_resamples, "seed": seed}
    missing = Metric(np.nan, reason=NO_GRID if not len(times) else "the model has no survival function")
    null = kaplan_meier_survival(train, len(test.duration), times)
    ibs_km = integrated_brier_score(train, test, null, times, **options)
    ibs = missing if survival is None else integrated_brier_score(train, test, survival, times, **options)
    scores = {
        "harrell_c": harrell_c(test, risk, **options),
        "uno_c": uno_c(train, test, risk, times[-1], **options) if len(times) else missing,
        "ibs": ibs,
        "ibs_km": ibs_km,
        "ibs_scaled": combine(lambda model, km: 1.0 - model / km, ibs, ibs_km),
    }
    for horizon in horizons:
        scores[f"auc_{horizon:g}"] = time_dependent_auc(train, test, risk, horizon, **options)
    return scores
