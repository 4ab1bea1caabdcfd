"""Predictions of a Cox model on public data, to score."""

import numpy as np
from sksurv.datasets import load_gbsg2, load_whas500
from sksurv.linear_model import CoxPHSurvivalAnalysis

from survembed.survival.breslow import BreslowBaseline
from survembed.survival.outcome import Outcome, from_structured, to_structured
from survembed.survival.time_grid import time_grid

COHORTS = {"gbsg2": (load_gbsg2, ["pnodes", "progrec"]), "whas500": (load_whas500, ["age", "bmi"])}


class CoxPredictions:
    """A Cox model with two covariates on one half of a cohort, its predictions on the other half."""

    def __init__(self, load, columns, bin_width=None):
        x, y = load()
        x, (duration, event) = x[columns].to_numpy(float), from_structured(y)
        if bin_width is None:  # no two durations alike
            duration = duration + np.random.default_rng(0).uniform(0, 0.5, len(duration))
        else:
            duration = np.ceil(duration / bin_width) * bin_width
        half = np.random.default_rng(1).permutation(len(x)) < len(x) // 2
        half[duration == duration.max()] = True  # scikit-survival raises for test subjects beyond training follow-up
        self.train, self.test = (Outcome(duration[part], event[part]) for part in (half, ~half))
        cox = CoxPHSurvivalAnalysis().fit(x[half], to_structured(*self.train))
        self.risk = cox.predict(x[~half])
        self.baseline = BreslowBaseline.fit(cox.predict(x[half]), *self.train)
        self.times = time_grid(self.train, self.test)
        self.survival = self.baseline.survival(self.risk, self.times)

    @property
    def structured(self):
        return to_structured(*self.train), to_structured(*self.test)
