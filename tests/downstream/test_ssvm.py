"""The ranking SVM: scikit-survival's model, also for durations of 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sksurv.svm import FastSurvivalSVM

from survembed import registry
from survembed.downstream.base import fit_downstream
from survembed.downstream.ssvm import RankingSVM
from survembed.survival.outcome import Outcome, to_structured


def test_the_model_is_that_of_scikit_survival(latents: Any) -> None:
    y = to_structured(*latents.outcome)
    ours, theirs = (kind(random_state=0).fit(latents.z, y) for kind in (RankingSVM, FastSurvivalSVM))
    np.testing.assert_array_equal(ours.coef_, theirs.coef_)


def test_a_duration_of_zero_is_the_shortest(latents: Any) -> None:
    duration, event = latents.outcome
    first = np.argsort(duration)[:3]
    duration = np.where(np.isin(np.arange(300), first), duration[first].max(), duration)
    at_zero = np.where(np.isin(np.arange(300), first), 0.0, duration)
    fits = [RankingSVM(random_state=0).fit(latents.z, to_structured(time, event)) for time in (duration, at_zero)]
    np.testing.assert_array_equal(fits[0].coef_, fits[1].coef_)


@pytest.mark.parametrize("name", registry.names("downstream"))
def test_every_downstream_model_takes_durations_of_zero(latents: Any, name: str) -> None:
    duration, event = latents.outcome[0].copy(), latents.outcome[1].copy()
    duration[:4], event[:4] = 0, [True, True, False, False]
    model = fit_downstream(registry.load("downstream", name)().build(0), latents.z, Outcome(duration, event))
    survival = model.survival(latents.z, [0.0, 1.0, 20.0])
    assert np.isfinite(survival).all()
    assert (np.diff(survival, axis=1) <= 0).all()
    assert np.corrcoef(model.risk(latents.z), latents.log_hazard)[0, 1] > 0.5
