"""Scores of survival predictions: the time grid, Brier scores, and all metrics of one model in one call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from survembed.bootstrap import N_RESAMPLES, Float, Metric, bootstrap, combine
from survembed.concordance import harrell_c, time_dependent_auc, uno_c
from survembed.errors import UsageError
from survembed.survival import Outcome, censoring_survival, kaplan_meier

MIN_CENSORING_SURVIVAL = 0.05
NO_GRID = "no time lies inside the test durations, below the training follow-up and where G(t) is above 0.05"


def time_grid(train: Outcome, test: Outcome, n: int = 100) -> Float:
    """Times on which survival functions are scored, increasing, (n,).

    Evenly spaced from the 5th to the 90th percentile of the test durations, cut where the training part knows no more:
    below its largest duration, and where its censoring survival G stays above 0.05.

    Returns
    -------
    Empty where these conditions leave no interval; the metrics that need the grid are then NaN and say so.
    """
    low, high = np.percentile(test.duration, [5, 90])
    g = censoring_survival(*train)
    exhausted = g.times[g.values <= MIN_CENSORING_SURVIVAL]
    limit = min([float(train.duration.max()), *exhausted[:1]])
    high = min(high, np.nextafter(limit, -np.inf))
    return np.linspace(low, high, n) if low < high else np.empty(0)


def brier_contributions(train: Outcome, test: Outcome, survival: Float, times: Float) -> Float:
    """Each subject's part in the Brier score, (n, T); the mean over subjects is BS(t).

    Parameters
    ----------
    train
        Whose censoring gives G.
    test
        n subjects.
    survival
        (n, T) predicted S(t) on `times`.
    times
        (T,) strictly increasing, where G is positive.

    Notes
    -----
    S(t)² / G(T−) for who had the event by t, (1 − S(t))² / G(t) for who is followed beyond t, 0 for who was censored
    before (Graf et al., Stat Med 18 (1999) 2529). scikit-survival takes G(T) for G(T−), and mixes up the columns of
    unsorted times.

    Raises
    ------
    UsageError
        The times are not strictly increasing, or the shapes do not fit.
    """
    if survival.shape != (len(test.duration), len(times)):
        raise UsageError(f"survival has shape {survival.shape}", expected=f"{(len(test.duration), len(times))}")
    if (np.diff(times) <= 0).any():
        raise UsageError("the times of a Brier score are not strictly increasing", expected="sorted, distinct times")
    g = censoring_survival(*train)
    duration = test.duration[:, None]
    is_case, is_control = test.event[:, None] & (duration <= times), duration > times
    # Whoever is no case gets weight 0; so a G of zero at an irrelevant time must not divide.
    g_case = np.where(is_case, g(test.duration, left=True)[:, None], 1.0)
    g_control = np.where(is_control, g(times), 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts: Float = is_case * survival**2 / g_case + is_control * (1.0 - survival) ** 2 / g_control
    return parts


def brier_curve(train: Outcome, test: Outcome, survival: Float, times: Float) -> Float:
    """The Brier score BS(t) on `times`, (T,); parameters as for `brier_contributions`. Lower is better."""
    curve: Float = brier_contributions(train, test, survival, times).mean(axis=0)
    return curve


def brier_band(
    train: Outcome,
    test: Outcome,
    survival: Float,
    times: Float,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> tuple[Float, Float]:
    """Lower and upper limit (T,) of `brier_curve`: 95 % at each time, bootstrap over subjects; NaN without draws."""
    contributions = brier_contributions(train, test, survival, times)
    if not n_resamples:
        return np.full(len(times), np.nan), np.full(len(times), np.nan)
    rng, n = np.random.default_rng(seed), len(contributions)
    curves = [np.bincount(rng.integers(n, size=n), minlength=n) @ contributions / n for _ in range(n_resamples)]
    low, high = np.percentile(curves, [2.5, 97.5], axis=0)
    return low, high


def integrated_brier_score(
    train: Outcome,
    test: Outcome,
    survival: Float,
    times: Float,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Metric:
    """Mean of the Brier score over the grid by the trapezoidal rule; lower is better.

    Parameters
    ----------
    train, test, survival, times
        As for `brier_contributions`. G always comes from the whole training part, also in resamples of the test part.
    n_resamples, seed
        Of the bootstrap over test subjects.
    """
    if len(times) < 2:
        return Metric(np.nan, reason=NO_GRID)
    contributions = brier_contributions(train, test, survival, times)
    area = np.trapezoid(contributions, times, axis=1) / (times[-1] - times[0])
    if not np.isfinite(area).all():
        return Metric(np.nan, reason="S(t) or G(t) is unknown at some of the times")

    def statistic(weight: Float) -> Float:
        score: Float = area @ weight / weight.sum(axis=0)
        return score

    return bootstrap(statistic, len(area), n_resamples=n_resamples, seed=seed)


def kaplan_meier_survival(train: Outcome, n: int, times: Float) -> Float:
    """The null model: the Kaplan–Meier curve of the training part for each of n subjects, (n, T)."""
    return np.tile(kaplan_meier(*train)(times), (n, 1))


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
