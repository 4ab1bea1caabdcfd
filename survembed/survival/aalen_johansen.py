"""Cumulative incidence of competing causes: by Aalen and Johansen, and by a Cox model of each cause."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from survembed.survival.breslow import BreslowBaseline
from survembed.survival.kaplan_meier import StepFunction
from survembed.survival.outcome import Float

Causes = NDArray[np.integer]
"""(n,) 0 for a censored subject, else the number of the cause of its event, from 1."""


def aalen_johansen(duration: Float, cause: Causes, n_causes: int, entry: Float | None = None) -> StepFunction:
    """Cumulative incidence of each cause in one group.

    Parameters
    ----------
    duration, cause
        (n,) time of event or censoring, and its cause.
    n_causes
        Number of causes; one without an event has the incidence 0.
    entry
        (n,) late entry: a subject is at risk at t if entry < t ≤ duration.

    Returns
    -------
    Values (n_causes, k) on the distinct event times, 0 before the first. With the Kaplan–Meier curve of all causes
    together they sum to 1.

    References
    ----------
    Aalen, Johansen, Scand J Stat 5 (1978) 141. lifelines breaks ties at random first; here tied events stay tied.
    """
    times = np.unique(duration[cause > 0])
    n_at_risk = len(duration) - np.searchsorted(np.sort(duration), times)
    if entry is not None:
        n_at_risk = n_at_risk - (len(entry) - np.searchsorted(np.sort(entry), times))
    counts = np.zeros((n_causes, len(times)))
    some = cause > 0
    np.add.at(counts, (cause[some] - 1, np.searchsorted(times, duration[some])), 1.0)
    hazards = counts / n_at_risk
    survival = np.cumprod(1.0 - hazards.sum(axis=0))
    before = np.concatenate([[1.0], survival[:-1]])[: len(times)]
    return StepFunction(times, np.cumsum(before * hazards, axis=1), before=0.0)


def cumulative_incidence(baselines: Sequence[BreslowBaseline], log_hazard: Float, times: Float) -> tuple[Float, Float]:
    """Incidence of each cause, and survival of all, of subjects by one Cox model for each cause.

    Parameters
    ----------
    baselines
        Breslow's baseline of each of K causes, in which events of the others count as censored.
    log_hazard
        (n, K) log-hazard of each subject for each cause.
    times
        (T,) increasing.

    Returns
    -------
    Incidences (K, n, T), and S(t) (n, T), which add up to 1; NaN beyond the follow-up of a baseline.

    Notes
    -----
    S(t) = exp(−Σ H_k(t)). Between two event times of any cause the hazards add up to some ΔH, and S loses
    S(t−)(1 − exp(−ΔH)); each cause takes its share ΔH_k / ΔH of that. With S(t−)·ΔH_k in place of this, as in some
    programs, incidences and survival of a small cohort do not add up to 1.
    """
    steps = np.unique(np.concatenate([np.empty(0), *(baseline.times for baseline in baselines)]))
    n, k = log_hazard.shape
    hazards = np.zeros((k, n, len(steps)))
    for cause, baseline in enumerate(baselines):
        log_h0 = StepFunction(baseline.times, baseline.log_cumulative_hazard, before=-np.inf)(steps)
        total = np.exp(np.minimum(log_hazard[:, cause, None] + log_h0, 700.0))
        hazards[cause] = np.diff(total, axis=1, prepend=0.0)
    together = hazards.sum(axis=0)
    survival = np.exp(-np.cumsum(together, axis=1))
    before = np.concatenate([np.ones((n, 1)), survival], axis=1)[:, : len(steps)]
    lost = before * -np.expm1(-together)
    share = np.divide(hazards, together, out=np.zeros_like(hazards), where=together > 0)
    incidence = StepFunction(steps, np.cumsum(share * lost, axis=2), before=0.0)(times)
    alive = 1.0 - incidence.sum(axis=0)
    beyond = times > min(baseline.last_time for baseline in baselines)
    incidence[:, :, beyond], alive[:, beyond] = np.nan, np.nan
    return incidence, alive
