"""Ranking metrics with bootstrap intervals: Harrell's C, Uno's C and the time-dependent AUC."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from survembed.survival.bootstrap import N_RESAMPLES, Metric, bootstrap
from survembed.survival.kaplan_meier import censoring_survival
from survembed.survival.outcome import Bool, Float, Outcome

NO_FORM = "late entry: there is no agreed form of this score under left truncation"
"""Reason for no score that weighs subjects by the inverse of G(t), and for no calibration."""

NO_PAIR = "no comparable pair: no subject has a longer duration than a subject with an event"


def harrell_c(test: Outcome, risk: ArrayLike, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> Metric:
    """Share of comparable pairs in which the subject with the higher risk has the event first; equal risks count half.

    Parameters
    ----------
    test
        n subjects.
    risk
        (n,) higher = worse. The sign is never changed: a C below 0.5 means that the model ranks in reverse.
    n_resamples, seed
        Of the bootstrap over subjects.

    References
    ----------
    Harrell, Lee, Mark, Stat Med 15 (1996) 361. With late entry a pair is comparable only if the subject that lives
    longer is under observation at the event of the other (Therneau, Watson, the concordance of a Cox model, 2015).
    """
    slot, case, control, row = harrell_pairs(test)
    return _concordance(slot, case, np.asarray(risk)[row], n_resamples, seed, control=control, row=row)


def harrell_pairs(test: Outcome) -> tuple[NDArray[np.int64], Float, Float, NDArray[np.int64]]:
    """Slots, weights as case and as control (m,) for `count_pairs`, and the subject (m,) that each row stands for.

    Late entry adds a row for each subject, a control of weight −1 just before its entry: it takes back the pairs with
    cases whose event comes at or before that time.
    """
    n = len(test.duration)
    row = np.arange(n)
    if test.entry is None:
        return death_order(test), test.event.astype(np.float64), np.ones(n), row
    # A control of an event at the same time is later than it; a subject that enters then is not yet at risk, too.
    time = np.concatenate([test.duration, test.entry])
    later = np.concatenate([~test.event, np.ones(n, dtype=np.bool_)])
    slot = np.unique(2 * np.unique(time, return_inverse=True)[1] + later, return_inverse=True)[1].astype(np.int64)
    case = np.concatenate([test.event.astype(np.float64), np.zeros(n)])
    return slot, case, np.repeat([1.0, -1.0], n), np.tile(row, 2)


def uno_c(
    train: Outcome, test: Outcome, risk: ArrayLike, tau: float, *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> Metric:
    """Concordance that does not depend on the censoring: pairs weigh 1 / G(T−)², events from `tau` on do not count.

    Parameters
    ----------
    train
        Subjects whose censoring gives G.
    test, risk
        n subjects, and (n,) higher = worse.
    tau
        Truncation time, in the unit of the durations; inside the training follow-up.

    References
    ----------
    Uno et al., Stat Med 30 (2011) 1105. scikit-survival uses G(T) in place of G(T−), which differs where an event and
    a censoring share a time.
    """
    case, reason = inverse_censoring(train, test, test.event & (test.duration < tau), power=2)
    if reason:
        return Metric(np.nan, reason=reason)
    return _concordance(death_order(test), case, np.asarray(risk), n_resamples, seed)


def time_dependent_auc(
    train: Outcome, test: Outcome, risk: ArrayLike, horizon: float, *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> Metric:
    """P(risk of a case > risk of a control) at `horizon`; equal risks count half.

    Cases have an event by the horizon and weigh 1 / G(T−); controls are followed beyond it and weigh 1. Subjects
    censored before the horizon are neither.

    Parameters
    ----------
    train
        Subjects whose censoring gives G.
    test, risk
        n subjects, and (n,) higher = worse.
    horizon
        In the unit of the durations.

    References
    ----------
    Uno, Cai, Tian, Wei, JASA 102 (2007) 527.
    """
    is_case, is_control = test.event & (test.duration <= horizon), test.duration > horizon
    case, reason = inverse_censoring(train, test, is_case, power=1)
    if reason:
        return Metric(np.nan, reason=reason)
    slot = np.where(is_case, 0, np.where(is_control, 1, -1))
    return _concordance(slot, case, np.asarray(risk), n_resamples, seed, f"no case or no control at {horizon:g}")


def death_order(test: Outcome) -> NDArray[np.int64]:
    """Dense ranks (n,) by duration, at equal durations events first: an event is comparable with all later ranks."""
    time_rank = np.unique(test.duration, return_inverse=True)[1]
    return np.unique(2 * time_rank + ~test.event, return_inverse=True)[1].astype(np.int64)


def inverse_censoring(train: Outcome, test: Outcome, case: Bool, power: int) -> tuple[Float, str]:
    """Weights G(T−)^-power of the cases, 0 of all others; and a reason where there are none, else empty."""
    if train.entry is not None or test.entry is not None:
        return case.astype(np.float64), NO_FORM
    g = np.where(case, censoring_survival(*train)(test.duration, left=True), 1.0)
    if (g <= 0).any():
        return g, "an event is later than the censoring of every training subject: choose an earlier time"
    return case / g**power, ""


def _concordance(
    slot: NDArray[np.int64],
    case: Float,
    risk: Float,
    n_resamples: int,
    seed: int,
    reason: str = NO_PAIR,
    control: Float | None = None,
    row: NDArray[np.int64] | None = None,
) -> Metric:
    """Weighted concordance of cases with all rows in later slots; rows in slot -1 are excluded.

    A row is a subject, unless `row` tells the subject of each.
    """
    if not np.isfinite(risk).all():
        return Metric(np.nan, reason=f"the risk of {int((~np.isfinite(risk)).sum())} subject(s) is not a finite number")
    keep = slot >= 0
    control = np.ones(len(slot)) if control is None else control
    subject = np.arange(len(slot)) if row is None else row

    def statistic(weight: Float) -> Float:
        parts = (slot[keep], case[keep], risk[keep], weight[subject[keep]], control[keep])
        concordant, comparable = count_pairs(*parts)
        c = np.full(len(comparable), np.nan)
        np.divide(concordant, comparable, out=c, where=comparable > 0)
        return c

    return bootstrap(statistic, int(subject.max(initial=-1)) + 1, n_resamples=n_resamples, seed=seed, reason=reason)


def count_pairs(
    slot: NDArray[np.int64], case: Float, risk: Float, weight: Float, control: Float | None = None
) -> tuple[Float, Float]:
    """Concordant and comparable weight of all pairs (i, j) with slot_i < slot_j.

    A pair weighs case_i · w_i · w_j · control_j.

    A pair i, j belongs to exactly one bit of the slot number: the highest in which the two differ (0 in i, 1 in j).
    Per bit, subjects with equal higher bits form a group, and a cumulative sum in order of risk counts all its pairs:
    O(n log n) for each of the b columns of `weight` (n, b), exact for whole-numbered weights.
    """
    rank = np.unique(risk, return_inverse=True)[1]
    by_risk = np.argsort(rank, kind="stable")
    slot, case, rank, weight = slot[by_risk], case[by_risk], rank[by_risk], weight[by_risk]
    control = np.ones(len(slot)) if control is None else control[by_risk]
    concordant, comparable = np.zeros((2, weight.shape[1]))
    for bit in range(int(slot.max(initial=0)).bit_length()):
        group = slot >> (bit + 1)
        order = np.argsort(group, kind="stable")
        group, later = group[order], (slot[order] >> bit) & 1
        below = np.zeros((len(slot) + 1, weight.shape[1]))
        np.cumsum(weight[order] * (later * control[order])[:, None], axis=0, out=below[1:])
        early = np.flatnonzero((later == 0) & (case[order] > 0))
        tie = group * len(slot) + rank[order]
        first, last = (below[np.searchsorted(tie, tie[early], side)] for side in ("left", "right"))
        start, end = (below[np.searchsorted(group, group[early], side)] for side in ("left", "right"))
        pairs = weight[order[early]] * case[order[early], None]
        concordant += np.einsum("nb,nb->b", pairs, (first + last) / 2 - start)
        comparable += np.einsum("nb,nb->b", pairs, end - start)
    return concordant, comparable
