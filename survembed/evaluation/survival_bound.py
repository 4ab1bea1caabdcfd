"""Lower bounds of the survival times of new subjects, calibrated on the test subjects of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from survembed.runs.trained_model import TrainedModel
from survembed.survival.concordance import NO_FORM
from survembed.survival.conformal import SurvivalBound
from survembed.survival.outcome import Float

COVERAGE = 0.9
"""Share of subjects that live beyond their bound."""


@dataclass(frozen=True)
class Bounds:
    """Lower bounds of the survival times of n subjects.

    Attributes
    ----------
    coverage
        Share of subjects that live beyond their bound.
    time
        (n,) bounds; NaN where there are none.
    n
        Held-out subjects of the calibration.
    reason
        Why there are none; else empty.
    """

    coverage: float
    time: Float
    n: int
    reason: str = ""

    def text(self, row: int, unit: str) -> str:
        """For the terminal and the page."""
        if self.reason:
            return f"none: {self.reason}"
        return f"{self.time[row]:.4g} {unit}: {self.coverage:.0%} of subjects live longer ({self.n} held-out subjects)"

    def to_dict(self, row: int) -> dict[str, Any]:
        """Plain values of one subject."""
        numbers = {"time": self.time[row], "coverage": self.coverage, "held_out_subjects": self.n}
        return {**numbers, "reason": self.reason} if self.reason else numbers


def bounds(trained: TrainedModel, z: Float, times: Float, coverage: float) -> Bounds:
    """Bounds for latents z (n, L); S(t) is searched at `times` (T,), increasing from 0.

    The test subjects of the run calibrate them: they were neither trained on nor used for the baseline.
    """
    latents = trained.latents
    held, outcome = latents.test, latents.outcome.take(latents.test)
    n, none = int(held.sum()), np.full(len(z), np.nan)
    if latents.entry is not None:
        return Bounds(coverage, none, n, NO_FORM)
    if 1 / (n + 1) > 1 - coverage + 1e-12:
        return Bounds(coverage, none, n, f"{n} held-out subject(s) are too few for a coverage of {coverage:.0%}")
    assert latents.log_hazard is not None
    at_end = trained.survival_at(latents.z[held].astype(np.float64), outcome.duration)
    bound = SurvivalBound.fit(at_end, latents.log_hazard[held], outcome, coverage)
    return Bounds(coverage, bound.times(trained.survival(z, times), times), n)
