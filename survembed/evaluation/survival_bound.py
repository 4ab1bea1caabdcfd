"""Lower bounds of the survival times of new subjects, calibrated on the test subjects of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from survembed.runs.trained_model import TrainedModel
from survembed.survival.concordance import NO_FORM
from survembed.survival.conformal import HeldOut, SurvivalBound
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


def held_out(trained: TrainedModel) -> HeldOut | None:
    """Calibration by the test subjects of a run: they were neither trained on nor used for the baseline.

    None where subjects enter late: the bound has no agreed form there. Also of an imported run.
    """
    if trained.reference:
        return trained.reference.held_out
    latents = trained.latents
    if latents.entry is not None:
        return None
    held, outcome = latents.test, latents.outcome.take(latents.test)
    assert latents.log_hazard is not None
    if not held.any():
        return HeldOut(np.empty(0), np.empty(0), 0)
    at_end = trained.survival_at(latents.inputs[held], outcome.duration)
    return SurvivalBound.calibrate(at_end, latents.log_hazard[held], outcome)


def bounds(trained: TrainedModel, z: Float, times: Float, coverage: float) -> Bounds:
    """Bounds for latents z (n, L), or [z, x]; S(t) is searched at `times` (T,), increasing from 0."""
    held, none = held_out(trained), np.full(len(z), np.nan)
    if held is None:
        return Bounds(coverage, none, 0, NO_FORM)
    if not held.allows(coverage):
        return Bounds(coverage, none, held.n, f"{held.n} held-out subject(s) are too few for {coverage:.0%}")
    return Bounds(coverage, held.bound(coverage).times(trained.survival(z, times), times), held.n)
