"""Refitted Cox models: planted hazard ratios come back, and what cannot be fitted has a name."""

from __future__ import annotations

import numpy as np
import pytest

from survembed.survival.cox_inference import HazardRatio, fit_cox_on_latents
from survembed.survival.outcome import Outcome
from survembed.survival.scaler import LatentScaler


def cohort(n: int = 600, seed: int = 0) -> tuple[np.ndarray, Outcome]:
    rng = np.random.default_rng(seed)
    mu = rng.normal(size=(n, 4)) * [1, 3, 1, 1]
    mu[:, 3] = 5.0
    life = rng.exponential(np.exp(-(0.7 * mu[:, 0] - 0.2 * mu[:, 1])))
    limit = rng.exponential(2, n)
    return mu, Outcome(np.minimum(life, limit), life < limit)


def test_planted_ratios_for_a_standard_deviation() -> None:
    mu, outcome = cohort()
    fit = fit_cox_on_latents(mu, outcome, LatentScaler().fit(mu))
    assert fit.reason == ""
    assert list(fit.ratios) == [0, 1, 2]
    assert "constant" in fit.dropped[3]
    for number, truth in ((0, np.exp(0.7 * mu[:, 0].std())), (1, np.exp(-0.2 * mu[:, 1].std())), (2, 1.0)):
        ratio = fit.ratios[number]
        assert ratio.low < truth < ratio.high
        assert (ratio.p < 0.001) == (number < 2)
        assert ratio.p_proportional > 0.01


def test_a_hazard_that_turns_round_is_not_proportional() -> None:
    mu, outcome = cohort()
    duration = np.where(mu[:, 0] > 0, np.random.default_rng(0).uniform(0.9, 1.1, len(mu)), outcome.duration)
    fit = fit_cox_on_latents(mu, Outcome(duration, np.ones(len(mu), bool)), LatentScaler().fit(mu))
    assert fit.ratios[0].p_proportional < 0.001


def test_too_few_events_and_no_dimension_left_are_said() -> None:
    mu, outcome = cohort(40)
    few = Outcome(outcome.duration, np.arange(40) < 5)
    assert fit_cox_on_latents(mu, few, LatentScaler().fit(mu)).reason == "only 5 event(s)"
    assert fit_cox_on_latents(mu[:, 3:], outcome, LatentScaler().fit(mu[:, 3:])).reason == "every dimension is constant"


def test_perfect_separation_is_no_traceback() -> None:
    duration = np.arange(1.0, 31)
    fit = fit_cox_on_latents(
        -duration[:, None], Outcome(duration, np.ones(30, bool)), LatentScaler().fit(-duration[:, None])
    )
    assert fit.reason or fit.notes


@pytest.mark.parametrize(("n", "n_dimensions", "seed"), [(40, 16, 1), (60, 32, 3)])
def test_more_dimensions_than_the_events_bear_are_no_ratios(n: int, n_dimensions: int, seed: int) -> None:
    """lifelines gives numbers that it has not converged to, infinite ones among them."""
    rng = np.random.default_rng(seed)
    mu, duration, event = rng.normal(size=(n, n_dimensions)), rng.exponential(1, n), np.zeros(n, bool)
    event[rng.choice(n, 10, replace=False)] = True
    fit = fit_cox_on_latents(mu, Outcome(duration, event), LatentScaler().fit(mu))
    assert fit.ratios == {}
    assert fit.reason.startswith(f"did not converge: 10 events are too few for {n_dimensions} dimensions")


@pytest.mark.parametrize("zero", [0, 3])
def test_a_duration_of_zero_is_taken(zero: int) -> None:
    mu, outcome = cohort(200)
    outcome.duration[:zero] = 0.0
    assert fit_cox_on_latents(mu, outcome, LatentScaler().fit(mu)).ratios


def test_an_interval_too_wide_to_interpret_is_said() -> None:
    assert HazardRatio(1.4, 0.9, 2.1, 0.1, 0.5).text == "1.4 (0.9 to 2.1)"
    assert HazardRatio(0.32, 6.6e-5, 1560.0, 0.1, 0.5).text == "unknown"
