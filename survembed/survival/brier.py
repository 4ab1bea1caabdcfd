"""Brier score over time and its integral."""

from __future__ import annotations

import numpy as np

from survembed.errors import UsageError
from survembed.survival.bootstrap import N_RESAMPLES, Metric, bootstrap
from survembed.survival.concordance import NO_FORM
from survembed.survival.kaplan_meier import censoring_survival
from survembed.survival.outcome import Float, Outcome
from survembed.survival.time_grid import NO_GRID


def brier_contributions(train: Outcome, test: Outcome, survival: Float, times: Float) -> Float:
    """Contribution of each subject to the Brier score, (n, T); the mean over subjects is BS(t).

    Parameters
    ----------
    train
        Subjects whose censoring gives G.
    test
        n subjects to score.
    survival
        (n, T) predicted S(t) at `times`.
    times
        (T,) strictly increasing, where G is positive.

    Notes
    -----
    S(t)² / G(T−) for an event by t, (1 − S(t))² / G(t) for follow-up beyond t, 0 for censoring by t (Graf et al., Stat
    Med 18 (1999) 2529). scikit-survival uses G(T) in place of G(T−), and does not sort the columns with the times.

    Raises
    ------
    UsageError
        If the times are not strictly increasing, the shapes do not match, or subjects enter late.
    """
    if survival.shape != (len(test.duration), len(times)):
        raise UsageError(f"survival has shape {survival.shape}", expected=f"{(len(test.duration), len(times))}")
    if (np.diff(times) <= 0).any():
        raise UsageError("the times of a Brier score are not strictly increasing", expected="sorted, distinct times")
    if train.entry is not None or test.entry is not None:
        raise UsageError("no Brier score: " + NO_FORM, expected="subjects who are observed from the start")
    g = censoring_survival(*train)
    duration = test.duration[:, None]
    is_case, is_control = test.event[:, None] & (duration <= times), duration > times
    # Other subjects have weight 0: their G, which may be zero, must not divide.
    g_case = np.where(is_case, g(test.duration, left=True)[:, None], 1.0)
    g_control = np.where(is_control, g(times), 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        contributions: Float = is_case * survival**2 / g_case + is_control * (1.0 - survival) ** 2 / g_control
    return contributions


def brier_curve(train: Outcome, test: Outcome, survival: Float, times: Float) -> Float:
    """Brier score BS(t) at `times`, (T,); parameters as for `brier_contributions`. Lower is better."""
    curve: Float = brier_contributions(train, test, survival, times).mean(axis=0)
    return curve


def brier_band(
    train: Outcome, test: Outcome, survival: Float, times: Float, *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> tuple[Float, Float]:
    """Limits (T,) of the pointwise 95 % bootstrap interval of `brier_curve`; NaN without resamples."""
    contributions = brier_contributions(train, test, survival, times)
    if not n_resamples:
        return np.full(len(times), np.nan), np.full(len(times), np.nan)
    rng, n = np.random.default_rng(seed), len(contributions)
    curves = [np.bincount(rng.integers(n, size=n), minlength=n) @ contributions / n for _ in range(n_resamples)]
    low, high = np.percentile(curves, [2.5, 97.5], axis=0)
    return low, high


def integrated_brier_score(
    train: Outcome, test: Outcome, survival: Float, times: Float, *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> Metric:
    """Integrated Brier score: mean over the times by the trapezoidal rule. Lower is better.

    Parameters
    ----------
    train, test, survival, times
        As for `brier_contributions`. G is that of the whole training part in every resample of the test part.
    n_resamples, seed
        Of the bootstrap over test subjects.
    """
    if len(times) < 2:
        return Metric(np.nan, reason=NO_GRID)
    if train.entry is not None or test.entry is not None:
        return Metric(np.nan, reason=NO_FORM)
    contributions = brier_contributions(train, test, survival, times)
    area = np.trapezoid(contributions, times, axis=1) / (times[-1] - times[0])
    if not np.isfinite(area).all():
        return Metric(np.nan, reason="S(t) or G(t) is unknown at some of the times")

    def statistic(weight: Float) -> Float:
        score: Float = area @ weight / weight.sum(axis=0)
        return score

    return bootstrap(statistic, len(area), n_resamples=n_resamples, seed=seed)
