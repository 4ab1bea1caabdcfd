"""Predicted survival, with the interval that the training subjects behind the baseline give it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from survembed.progress import QUIET, Reporter
from survembed.runs.trained_model import TrainedModel
from survembed.survival.breslow import BreslowBaseline
from survembed.survival.kaplan_meier import StepFunction
from survembed.survival.outcome import Float

RESAMPLES = 200
MOST_TIMES = 200
"""Event times at which survival is written out."""


@dataclass(frozen=True)
class Survival:
    """Predicted survival of n subjects.

    Attributes
    ----------
    times
        (T,) from 0 through event times of the training part to the end of its follow-up, beyond which nothing is known.
    value, low, high
        (n, T) S(t), and its pointwise 95 % interval from resampling the training subjects behind the baseline. The
        weights of the model are held: the interval is too narrow by what they would have varied.
    median, median_low, median_high
        (n,) first time at which S(t) is 0.5 or less, with the same interval; NaN where that is not reached.
    """

    times: Float
    value: Float
    low: Float
    high: Float
    median: Float
    median_low: Float
    median_high: Float


class SurvivalBand:
    """Turns log-hazards of one run into survival; the resampling is done once.

    Parameters
    ----------
    viewer
        Of a run whose model has a head.
    """

    def __init__(self, viewer: TrainedModel, reporter: Reporter = QUIET) -> None:
        baseline = viewer.baseline
        low, high = _band(viewer, reporter)
        self._curves = baseline, high, low  # a high baseline hazard is a low survival
        count = len(baseline.times)
        seen = baseline.times[np.linspace(0, count - 1, min(count, MOST_TIMES)).astype(int)]
        self.times: Float = np.unique([0.0, *seen, baseline.last_time])

    def survival(self, log_hazard: Float) -> Survival:
        """Survival of subjects with these log-hazards (n,)."""
        return Survival(
            self.times,
            *(each.survival(log_hazard, self.times) for each in self._curves),
            *(each.median(log_hazard) for each in self._curves),
        )


def _band(viewer: TrainedModel, reporter: Reporter) -> tuple[BreslowBaseline, BreslowBaseline]:
    """The baseline with its cumulative hazard at the ends of the pointwise 95 % interval over resamples."""
    latents, baseline = viewer.latents, viewer.baseline
    assert latents.log_hazard is not None
    train, random = np.flatnonzero(~latents.test), np.random.default_rng(0)
    curves = np.empty((RESAMPLES, len(baseline.times)))
    with reporter.task("resampling the baseline", RESAMPLES, "resamples") as task:
        for curve in curves:
            rows = random.choice(train, len(train))
            fit = BreslowBaseline.fit(latents.log_hazard[rows], latents.duration[rows], latents.event[rows])
            curve[:] = StepFunction(fit.times, fit.log_cumulative_hazard, before=-np.inf)(baseline.times)
            task.advance()
    ends = np.quantile(curves, [0.025, 0.975], axis=0, method="closest_observation")  # there is no mean with -inf
    low, high = (BreslowBaseline(baseline.times, end, baseline.last_time) for end in ends)
    return low, high
