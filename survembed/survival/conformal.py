"""Lower bound of the survival time of a new subject, calibrated on held-out subjects without faith in the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from survembed.survival.breslow import BreslowBaseline
from survembed.survival.cox_slope import cox_slope
from survembed.survival.outcome import Float, Outcome

_ROUNDING = 1e-12


@dataclass(frozen=True)
class HeldOut:
    """Calibration of bounds for any coverage, from which no subject can be told.

    Attributes
    ----------
    at_end
        (k,) falling S(Tᵢ | zᵢ) at the duration of each held-out subject with an event.
    missed
        (k,) estimated share of subjects that die before their bound, if the level of the bound is below it.
    n
        Held-out subjects.
    """

    at_end: Float
    missed: Float
    n: int

    def bound(self, coverage: float) -> SurvivalBound:
        """The bound beyond which a share `coverage` of subjects live, between 0 and 1."""
        refuted = self.missed > 1 - coverage + _ROUNDING  # rounding must not refute a share that is exactly allowed
        level = float(self.at_end[refuted.argmax()]) if refuted.any() else 0.0
        return SurvivalBound(coverage, level if self.allows(coverage) else 1.0, self.n)

    def allows(self, coverage: float) -> bool:
        """Whether there are enough held-out subjects for this coverage."""
        return 1 / (self.n + 1) <= 1 - coverage + _ROUNDING


@dataclass(frozen=True)
class SurvivalBound:
    """Lower bound L(z) of the survival time: P(T ≥ L(z)) is at least `coverage`, averaged over subjects.

    L(z) is the first time at which S(t | z) falls to `level` or below. The level is chosen on held-out subjects: the
    estimated share of them with T < L is at most 1 − coverage. Wrong models give low bounds, not wrong ones.

    Attributes
    ----------
    coverage
        Wanted, such as 0.9.
    level
        Of S(t | z) at the bound. 0 where so few subjects have an event that no level is refuted: the bound is then the
        end of the follow-up.
    n
        Held-out subjects.

    Notes
    -----
    The share of T < L is (1 + Σ wᵢ 1{Tᵢ < L(zᵢ)}) / (n + 1) over held-out events, with wᵢ = 1 / G(Tᵢ− | zᵢ): censored
    subjects are represented by those with an event (inverse probability of censoring), and the 1 is the new subject. G
    is a Cox model of the censoring with the model's log-hazard as covariate. Needed: subjects are exchangeable, and
    censoring is independent of survival given the log-hazard. Exact without censoring; else it holds in large samples.

    References
    ----------
    Candès, Lei, Ren, JRSS B 85 (2023) 24: conformal lower bounds of survival times; Gui, Hore, Ren, Barber, Biometrika
    111 (2024) 459: bounds from nested quantiles, as here. Both know all times of censoring; with right censoring those
    of subjects with an event are unknown, hence the weights (as Davidov et al., ICLR 2025).
    """

    coverage: float
    level: float
    n: int

    @staticmethod
    def calibrate(survival_at_end: Float, log_hazard: Float, held_out: Outcome) -> HeldOut:
        """Calibrate for any coverage.

        Parameters
        ----------
        survival_at_end
            (n,) predicted S(Tᵢ | zᵢ) at each held-out subject's own duration; NaN, beyond the follow-up, counts as 0.
        log_hazard
            (n,) of the same subjects.
        held_out
            Their outcomes; none of them was used to train or fit the model.
        """
        n = len(held_out.duration)
        weight = np.where(held_out.event, 1.0 / np.maximum(_uncensored(log_hazard, held_out), 1e-12), 0.0)
        # T < L(z) at a level s means S(T) > s: events in order of falling S(T) refute lower and lower levels.
        order = np.argsort(-np.nan_to_num(survival_at_end))
        order = order[held_out.event[order]]
        at_end = np.nan_to_num(survival_at_end)[order]
        return HeldOut(at_end, (np.cumsum(weight[order]) + 1.0) / (n + 1), n)

    @classmethod
    def fit(cls, survival_at_end: Float, log_hazard: Float, held_out: Outcome, coverage: float) -> SurvivalBound:
        """Calibrate for one coverage, between 0 and 1."""
        return cls.calibrate(survival_at_end, log_hazard, held_out).bound(coverage)

    def times(self, survival: Float, times: Float) -> Float:
        """Bounds (n,), given S(t | z) (n, T) at `times` (T,), increasing; the last time where S stays above `level`.

        A bound is the last of `times` before S falls to `level`, so a coarse grid makes it lower, never too high.
        """
        reached = np.nan_to_num(survival) <= self.level
        first = np.where(reached.any(axis=1), reached.argmax(axis=1), len(times))
        bounds: Float = np.concatenate([[0.0], times])[first]
        return bounds


def _uncensored(log_hazard: Float, outcome: Outcome) -> Float:
    """G(T− | z) (n,): probability that a subject with this log-hazard is not censored before its own duration."""
    censored = ~outcome.event
    slope = float(np.nan_to_num(cox_slope(log_hazard, outcome.duration, censored)[0]))
    baseline = BreslowBaseline.fit(slope * log_hazard, outcome.duration, censored)
    before = np.nextafter(outcome.duration, -np.inf)
    at = np.searchsorted(baseline.times, before, side="right")
    log_h0 = np.concatenate([[-np.inf], baseline.log_cumulative_hazard])[at]
    survival: Float = np.exp(-np.exp(np.minimum(slope * log_hazard + log_h0, 700.0)))
    return survival
