"""Scores of the predicted incidence of one cause among competing ones: C, time-dependent AUC, Brier score and IBS."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from survembed.survival.aalen_johansen import Causes, aalen_johansen
from survembed.survival.bootstrap import N_RESAMPLES, Metric, bootstrap
from survembed.survival.concordance import NO_FORM, NO_PAIR, count_pairs
from survembed.survival.kaplan_meier import censoring_survival
from survembed.survival.outcome import Float, Outcome
from survembed.survival.risk_groups import equal_groups
from survembed.survival.time_grid import NO_GRID

UNKNOWN = "a subject's weight 1 / G is unknown: an event is later than the censoring of every training subject"


class CausedOutcome(NamedTuple):
    """Outcome with causes.

    Attributes
    ----------
    duration
        (n,) float64.
    cause
        (n,) 0 for a censored subject, else the number of the cause, from 1.
    entry
        (n,) float64, late entry, or None.
    """

    duration: Float
    cause: Causes
    entry: Float | None = None

    @property
    def any_event(self) -> Outcome:
        """The outcome in which each cause is an event: its censoring is that of the study."""
        return Outcome(self.duration, self.cause > 0, self.entry)


def incidence_brier_contributions(
    train: CausedOutcome, test: CausedOutcome, cause: int, f: Float, times: Float
) -> Float:
    """Contribution (n, T) of each subject to the Brier score of the incidence of `cause`; the mean over subjects is it.

    Parameters
    ----------
    train, test
        Subjects whose censoring gives G, and n subjects to score.
    f
        (n, T) predicted incidence of `cause` at `times`, (T,) increasing, where G is positive.

    Notes
    -----
    (1 − F)² / G(T−) for an event of the cause by t, F² / G(T−) for one of another cause by t, F² / G(t) for a follow-up
    beyond t, 0 for censoring by t (Schoop et al., Biom J 53 (2011) 88). With one cause this is `brier_contributions`.
    """
    g = censoring_survival(*train.any_event)
    duration, causes = test.duration[:, None], test.cause[:, None]
    happened, beyond = (causes > 0) & (duration <= times), duration > times
    at_event = np.where(happened, g(test.duration, left=True)[:, None], 1.0)
    at_time = np.where(beyond, g(times), 1.0)
    error = np.where(happened & (causes == cause), 1.0 - f, f) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        contributions: Float = happened * error / at_event + beyond * error / at_time
    return contributions


def incidence_ibs(
    train: CausedOutcome,
    test: CausedOutcome,
    cause: int,
    f: Float,
    times: Float,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Metric:
    """Integrated Brier score of the incidence of `cause`, the mean over the times; lower is better."""
    if train.entry is not None or test.entry is not None:
        return Metric(np.nan, reason=NO_FORM)
    if len(times) < 2:
        return Metric(np.nan, reason=NO_GRID)
    contributions = incidence_brier_contributions(train, test, cause, f, times)
    area = np.trapezoid(contributions, times, axis=1) / (times[-1] - times[0])
    if not np.isfinite(area).all():
        return Metric(np.nan, reason="F(t) or G(t) is unknown at some of the times")

    def statistic(weight: Float) -> Float:
        score: Float = area @ weight / weight.sum(axis=0)
        return score

    return bootstrap(statistic, len(area), n_resamples=n_resamples, seed=seed)


def cause_c(
    train: CausedOutcome,
    test: CausedOutcome,
    cause: int,
    risk: Float,
    tau: float = np.inf,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Metric:
    """Share of comparable pairs in which the higher risk has the event of `cause` first; equal risks count half.

    A case has the event of the cause before `tau`. Its controls live longer, or had another cause by then: they will
    never have this one. Pairs weigh 1 / (G(T_i−) G(T_i)) for controls that live longer and 1 / (G(T_i−) G(T_j−)) for
    those with another cause, with G from the training part, so that the value does not depend on the censoring.

    References
    ----------
    Wolbers, Blanche, Koller, Witteman, Gerds, Biostatistics 15 (2014) 526.
    """
    g = censoring_survival(*train.any_event)
    case = (test.cause == cause) & (test.duration < tau)
    other = (test.cause > 0) & (test.cause != cause)
    reason = _unknown(train, test, risk, g(test.duration[case]), g(test.duration[other], left=True))
    if reason:
        return Metric(np.nan, reason=reason)
    before, at = g(test.duration, left=True), g(test.duration)
    rank = np.unique(test.duration, return_inverse=True)[1].astype(np.int64)
    later, earlier = 2 * rank + (test.cause == 0), 2 * (rank.max(initial=0) - rank) + other
    case_later = np.divide(1.0, before * at, out=np.zeros(len(at)), where=case)
    case_other, control = (np.divide(1.0, before, out=np.zeros(len(at)), where=some) for some in (case, other))

    def statistic(weight: Float) -> Float:
        live_longer = count_pairs(later, case_later, risk, weight)
        had_another = count_pairs(earlier, case_other, risk, weight, control)
        return _ratio(*(one + other for one, other in zip(live_longer, had_another, strict=True)))

    return bootstrap(statistic, len(risk), n_resamples=n_resamples, seed=seed, reason=NO_PAIR)


def cause_auc(
    train: CausedOutcome,
    test: CausedOutcome,
    cause: int,
    risk: Float,
    horizon: float,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Metric:
    """P(risk of a case > risk of a control) at `horizon`; equal risks count half.

    Cases have the event of `cause` by the horizon. Controls are all others: alive beyond it, weight 1 / G(horizon), or
    with another cause by then, weight 1 / G(T−).

    References
    ----------
    Blanche, Dartigues, Jacqmin-Gadda, Stat Med 32 (2013) 5381: definition (ii) of controls.
    """
    g = censoring_survival(*train.any_event)
    by_then = (test.cause > 0) & (test.duration <= horizon)
    alive = test.duration > horizon
    reason = _unknown(train, test, risk, g(test.duration[by_then], left=True), np.full(int(alive.any()), g(horizon)))
    if reason:
        return Metric(np.nan, reason=reason)
    weight = np.divide(1.0, g(test.duration, left=True), out=np.zeros(len(by_then)), where=by_then)
    case = by_then & (test.cause == cause)
    control = np.where(alive, 1.0 / max(float(g(horizon)), 1e-12), np.where(case, 0.0, weight))
    slot = np.where(case, 0, np.where(control > 0, 1, -1))
    keep = slot >= 0

    def statistic(weights: Float) -> Float:
        parts = count_pairs(slot[keep], (case * weight)[keep], risk[keep], weights[keep], control[keep])
        return _ratio(*parts)

    reason = f"no case or no control at {horizon:g}"
    return bootstrap(statistic, len(slot), n_resamples=n_resamples, seed=seed, reason=reason)


class IncidenceCalibration(NamedTuple):
    """Predicted and observed incidence at a horizon in groups of increasing prediction; arrays (g,).

    Attributes
    ----------
    predicted
        Mean predicted incidence.
    observed
        Aalen–Johansen estimate of the group; NaN where its follow-up ends before the horizon.
    n
        Subjects.
    """

    predicted: Float
    observed: Float
    n: Float


def incidence_calibration(
    test: CausedOutcome, cause: int, f: Float, horizon: float, *, n_groups: int | None = None
) -> IncidenceCalibration:
    """Calibration of the predicted incidence (n,) of `cause` at `horizon`, in three to ten groups by default."""
    group = equal_groups(f, n_groups or min(10, max(3, len(f) // 15)))
    rows = []
    for number in np.unique(group):
        own = group == number
        entry = None if test.entry is None else test.entry[own]
        curve = aalen_johansen(test.duration[own], test.cause[own], max(cause, int(test.cause.max())), entry)
        known = test.duration[own].max() >= horizon or bool((test.cause[own] > 0).all())
        observed = float(curve(horizon)[cause - 1]) if known else np.nan
        rows.append([f[own].mean(), observed, own.sum()])
    return IncidenceCalibration(*np.array(rows, dtype=np.float64).T)


def _unknown(train: CausedOutcome, test: CausedOutcome, risk: Float, *weights: Float) -> str:
    """Why there is no score; empty where there is one."""
    if train.entry is not None or test.entry is not None:
        return NO_FORM
    if not np.isfinite(risk).all():
        return f"the risk of {int((~np.isfinite(risk)).sum())} subject(s) is not a finite number"
    return UNKNOWN if any((values <= 0).any() for values in weights) else ""


def _ratio(concordant: Float, comparable: Float) -> Float:
    c = np.full(len(comparable), np.nan)
    np.divide(concordant, comparable, out=c, where=comparable > 0)
    return c
