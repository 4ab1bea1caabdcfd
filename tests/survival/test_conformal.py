"""Conformal lower bounds: coverage on simulated cohorts, also for a wrong model, and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from survembed.survival.conformal import SurvivalBound
from survembed.survival.outcome import Float, Outcome


def simulated(rng: np.random.Generator, n: int, share: float) -> tuple[Float, Float, Outcome]:
    """Log-hazards, lives, and outcomes that are censored depending on them."""
    r = rng.normal(size=n)
    life, censoring = rng.exponential(np.exp(-r)), rng.exponential(np.exp(-0.5 * r)) * (1 - share) / share
    return r, life, Outcome(np.minimum(life, censoring), life <= censoring)


@pytest.mark.parametrize("share", [0.3, 0.55, 0.8])
@pytest.mark.parametrize("wrong", [1.0, 0.2, 3.0])
def test_the_bound_covers_whether_the_model_is_right_or_wrong(share: float, wrong: float) -> None:
    """`wrong` is the factor by which the model's hazards are off: at 0.2 its own quantiles are five times too late."""
    grid = np.geomspace(1e-3, 30, 400)
    covered = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        r, _, held = simulated(rng, 500, share)
        new, life, _ = simulated(rng, 1000, share)
        at_end = np.exp(-wrong * held.duration * np.exp(r))
        curves = np.exp(-wrong * np.exp(new)[:, None] * grid)
        bounds = SurvivalBound.fit(at_end, r, held, 0.9).times(curves, grid)
        covered.append((life >= bounds).mean())
        assert bounds.mean() > 0.03  # no trivial bound: the mean 10 % quantile is 0.17
    error = np.std(covered) / np.sqrt(len(covered))
    assert np.mean(covered) >= 0.9 - 2.5 * error
    assert np.mean(covered) <= 0.96


def test_without_censoring_it_is_the_conformal_quantile() -> None:
    """Of 9 subjects at 80 %, the second in order of falling S(T) refutes its level: (2 + 1) / 10 > 0.2."""
    at_end = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    held = Outcome(np.arange(1.0, 10.0), np.ones(9, dtype=np.bool_))
    bound = SurvivalBound.fit(at_end, np.zeros(9), held, 0.8)
    assert (bound.level, bound.n) == (0.8, 9)
    curves = np.array([[1.0, 0.9, 0.8, 0.7], [1.0, 0.99, 0.98, 0.97]])
    assert bound.times(curves, np.array([0.0, 1.0, 2.0, 3.0])).tolist() == [1.0, 3.0]


def test_too_few_subjects_and_no_event() -> None:
    held = Outcome(np.array([1.0, 2.0]), np.zeros(2, dtype=np.bool_))
    assert SurvivalBound.fit(np.array([0.9, 0.8]), np.zeros(2), held, 0.9).level == 1.0
    many = Outcome(np.arange(1.0, 31.0), np.zeros(30, dtype=np.bool_))
    bound = SurvivalBound.fit(np.linspace(0.9, 0.5, 30), np.zeros(30), many, 0.9)
    assert bound.level == 0.0
    assert bound.times(np.array([[1.0, 0.5]]), np.array([0.0, 4.0])).tolist() == [4.0]


def test_a_duration_beyond_the_follow_up_counts_as_late() -> None:
    held = Outcome(np.arange(1.0, 41.0), np.ones(40, dtype=np.bool_))
    at_end = np.append(np.linspace(0.95, 0.1, 39), np.nan)
    assert 0.1 < SurvivalBound.fit(at_end, np.zeros(40), held, 0.9).level < 0.95
