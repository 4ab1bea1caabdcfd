"""Intervals of predicted survival: they contain it, at every time of every subject."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from survembed.evaluation.survival_band import Survival, SurvivalBand
from survembed.heads.base import Breslow
from survembed.survival.breslow import BreslowBaseline
from survembed.survival.outcome import Float, Outcome


def band_of(seed: int) -> SurvivalBand:
    """Of a small random cohort and a head that returns the first latent as log-hazard."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 60))
    log_hazard = rng.normal(size=n) * rng.choice([0.1, 1, 3])
    duration = rng.integers(1, rng.choice([5, 50, 1000]), n).astype(float)
    event = rng.random(n) < rng.choice([0.1, 0.5, 1.0])
    head = Breslow()
    head.baseline = BreslowBaseline.fit(log_hazard, duration, event)
    outcome = Outcome(duration, event)
    latents = SimpleNamespace(
        test=np.zeros(n, bool), log_hazard=log_hazard, duration=duration, event=event, outcome=outcome
    )
    model: Any = SimpleNamespace(
        latents=latents,
        reference=None,
        head=head,
        log_hazard=lambda z: z[:, 0],
        survival=lambda z, times: head.baseline.survival(z[:, 0], times),
        incidence=lambda z, times: {},
        median_survival=lambda z: head.baseline.median(z[:, 0]),
    )
    return SurvivalBand(model)


@pytest.mark.parametrize("seed", [*range(8), 34, 36, 75])  # the last three had S(t) below its interval at the last time
def test_survival_lies_in_its_interval_at_all_times(seed: int) -> None:
    survival = band_of(seed).survival(np.random.default_rng(seed).normal(size=(20, 1)) * 2)
    assert (survival.low <= survival.value).all()
    assert (survival.value <= survival.high).all()
    low, middle, high = (np.nan_to_num(each, nan=np.inf) for each in _medians(survival))
    assert (low <= middle).all()
    assert (middle <= high).all()


def _medians(survival: Survival) -> tuple[Float, Float, Float]:
    return survival.median_low, survival.median, survival.median_high
