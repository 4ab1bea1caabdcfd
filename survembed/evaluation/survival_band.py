"""Predicted curves of a subject: S(t) with its interval, which the kind of head decides, and incidences of causes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from survembed.heads.base import Breslow, Head
from survembed.heads.covariates import CovariateHead
from survembed.heads.linear import LinearHead
from survembed.progress import QUIET, Reporter
from survembed.runs.trained_model import TrainedModel
from survembed.survival.breslow import BreslowBaseline
from survembed.survival.cox_band import CoxBand
from survembed.survival.kaplan_meier import StepFunction
from survembed.survival.outcome import Float

RESAMPLES = 200
DELTA = "95 % interval: variance of baseline and weights, for the latents as they are"
BASELINE = "95 % interval: resampled training subjects, fixed weights; too narrow"
MAX_TIMES = 200
"""Event times at which survival is given."""


@dataclass(frozen=True)
class Survival:
    """Predicted survival of n subjects.

    Attributes
    ----------
    times
        (T,) from 0 through event times of the development set to the end of its follow-up.
    value
        (n, T) S(t) by the head.
    low, high
        (n, T) pointwise 95 % interval of S(t), as `kind` says. NaN for a head without a Breslow baseline.
    median, median_low, median_high
        (n,) first time at which S(t) is 0.5 or less, with the same interval; NaN where S(t) stays above 0.5.
    kind
        What the interval is, as a clause for captions; empty where there is none.
    incidence
        (n, T) cumulative incidence of each competing cause by name; with S(t) they sum to 1. Empty without causes.
    """

    times: Float
    value: Float
    low: Float
    high: Float
    median: Float
    median_low: Float
    median_high: Float
    kind: str = ""
    incidence: Mapping[str, Float] = field(default_factory=dict)

    @property
    def has_interval(self) -> bool:
        """Whether `low` and `high` are known."""
        return bool(np.isfinite(self.low).any())

    @property
    def interval_name(self) -> str:
        """`95 % interval`, or `range over 3 runs`."""
        return self.kind.partition(":")[0]


class SurvivalBand:
    """Survival functions of latents of one run, with intervals; what they need is fitted once.

    For the linear head the interval holds the variance of Breslow's baseline and of ψ (`CoxBand`), with the latents as
    fixed covariates. For another Cox head it comes from resampling the subjects behind the baseline, with the weights
    of the model fixed: it leaves out their variance. It contains S(t): limits of the resamples that exclude it, as at
    the last times of a small cohort, are moved to it. Neither holds the variance of the encoder: several runs show it.

    Parameters
    ----------
    model
        A trained model with a head.

    Attributes
    ----------
    times
        As in `Survival`.
    delta
        Variance by the delta method, for a linear Cox head; else None.
    band
        The baseline at the upper and the lower end of its interval, for another head with a Breslow baseline; else
        None.
    """

    def __init__(self, model: TrainedModel, reporter: Reporter = QUIET) -> None:
        self.model, kept = model, model.reference
        self.delta: CoxBand | None = None
        self.band: tuple[BreslowBaseline, BreslowBaseline] | None = None
        if kept:
            self.times: Float = kept.times
            self.delta = kept.delta
            self.band = kept.band
            return
        latents = model.latents
        development = ~latents.test
        events = np.unique(latents.duration[development & (latents.event > 0)])
        shown = events[np.linspace(0, len(events) - 1, min(len(events), MAX_TIMES)).astype(int)]
        self.times = np.unique([0.0, *shown, latents.duration[development].max()])
        if is_linear_cox(model.head):
            assert latents.log_hazard is not None
            inputs = latents.inputs[development]
            self.delta = CoxBand.fit(inputs, latents.log_hazard[development], latents.outcome.take(development))
        elif isinstance(model.head, Breslow):
            self.band = _band(model, reporter)

    @property
    def has_interval(self) -> bool:
        """Whether the head has a Breslow baseline, whose variance can be estimated."""
        return self.delta is not None or self.band is not None

    def survival(self, z: Float) -> Survival:
        """Curves of latents z (n, L)."""
        return replace(self._survival(z), incidence=self.model.incidence(z, self.times))

    def _survival(self, z: Float) -> Survival:
        value, median = self.model.survival(z, self.times), self.model.median_survival(z)
        if self.delta is not None:
            inputs = z if z.shape[1] == len(self.delta.centre) else np.pad(z, ((0, 0), (0, self._n_covariates)))
            low, high = self.delta.limits(value, inputs, self.times)
            medians = [first_at_or_below_half(curves, self.times) for curves in (low, high)]
            return Survival(self.times, value, low, high, median, medians[0], medians[1], DELTA)
        if self.band is None:
            unknown, no_median = np.full_like(value, np.nan), np.full_like(median, np.nan)
            return Survival(self.times, value, unknown, unknown, median, no_median, no_median)
        log_hazard = self.model.log_hazard(z)
        intervals = [baseline.survival(log_hazard, self.times) for baseline in self.band]
        medians = [baseline.median(log_hazard) for baseline in self.band]
        return Survival(self.times, value, intervals[0], intervals[1], median, medians[0], medians[1], BASELINE)

    @property
    def _n_covariates(self) -> int:
        """Covariates behind the latents: latents alone are at the reference covariates, x = 0."""
        head = self.model.head
        return len(head.gamma) if isinstance(head, CovariateHead) else 0


def is_linear_cox(head: Head) -> bool:
    """Whether the log-hazard is linear in the latents, and in covariates if there are any."""
    return isinstance(head.inner if isinstance(head, CovariateHead) else head, LinearHead)


def first_at_or_below_half(survival: Float, times: Float) -> Float:
    """First of `times` (T,) at which each curve (n, T) is 0.5 or less; NaN where there is none."""
    reached = survival <= 0.5
    return np.where(reached.any(axis=1), times[reached.argmax(axis=1)], np.nan)


def _band(model: TrainedModel, reporter: Reporter) -> tuple[BreslowBaseline, BreslowBaseline]:
    """The baseline at the upper and the lower end of the pointwise 95 % interval of its cumulative hazard.

    The upper end comes first: a high baseline hazard is a low survival.
    """
    latents, random = model.latents, np.random.default_rng(0)
    assert latents.log_hazard is not None
    assert isinstance(model.head, Breslow)
    baseline, development = model.head.baseline, np.flatnonzero(~latents.test)
    curves = np.empty((RESAMPLES, len(baseline.times)))
    with reporter.task("resampling the baseline", RESAMPLES, "resamples") as task:
        for curve in curves:
            rows = random.choice(development, len(development))
            fit = BreslowBaseline.fit(latents.log_hazard[rows], *latents.outcome.take(rows))
            curve[:] = StepFunction(fit.times, fit.log_cumulative_hazard, before=-np.inf)(baseline.times)
            task.advance()
    ends = np.quantile(curves, [0.975, 0.025], axis=0, method="closest_observation")  # there is no mean with -inf
    high, low = np.maximum(ends[0], baseline.log_cumulative_hazard), np.minimum(ends[1], baseline.log_cumulative_hazard)
    upper, lower = (BreslowBaseline(baseline.times, end, baseline.last_time) for end in (high, low))
    return upper, lower
