"""Scores of one cause among competing ones: loops over pairs and subjects, and one cause alone."""

from __future__ import annotations

import numpy as np
import pytest

from survembed.survival.aalen_johansen import aalen_johansen
from survembed.survival.brier import brier_contributions
from survembed.survival.competing_risks import (
    CausedOutcome,
    cause_auc,
    cause_c,
    incidence_brier_contributions,
    incidence_calibration,
    incidence_ibs,
)
from survembed.survival.concordance import NO_FORM, harrell_c, time_dependent_auc
from survembed.survival.kaplan_meier import censoring_survival
from survembed.survival.outcome import Float


def cohort(seed: int, n: int = 80, censored: bool = True) -> tuple[Float, CausedOutcome]:
    """Risk of cause 1 and outcomes in whole numbers, so that there are ties of all kinds."""
    rng = np.random.default_rng(seed)
    r = rng.normal(size=n).round(1)
    lives = np.column_stack([rng.exponential(np.exp(-r)), rng.exponential(1.0, n), rng.exponential(1.5, n)])
    lives = lives if censored else lives[:, :2]
    return r, CausedOutcome(np.ceil(lives.min(axis=1) * 8), (lives.argmin(axis=1) + 1) % 3)


@pytest.mark.parametrize("seed", range(3))
def test_c_by_a_loop_over_pairs(seed: int) -> None:
    r, test = cohort(seed)
    tau = float(np.quantile(test.duration, 0.8))
    g = censoring_survival(*test.any_event)
    concordant = comparable = 0.0
    for i in np.flatnonzero((test.cause == 1) & (test.duration < tau)):
        t = test.duration[i]
        for j in range(len(r)):
            longer = test.duration[j] > t or (test.duration[j] == t and test.cause[j] == 0)
            another = test.duration[j] <= t and test.cause[j] == 2
            if longer or another:
                g_j = float(g(t)) if longer else float(g(test.duration[j], left=True))
                weight = 1 / (float(g(t, left=True)) * g_j)
                comparable += weight
                concordant += weight * ((r[i] > r[j]) + (r[i] == r[j]) / 2)
    assert cause_c(test, test, 1, r, tau, n_resamples=0).value == pytest.approx(concordant / comparable, rel=1e-12)


def test_c_without_censoring_and_other_causes_is_harrells() -> None:
    r, test = cohort(7, censored=False)
    alone = test._replace(cause=np.ones(80, dtype=int))
    assert cause_c(alone, alone, 1, r, n_resamples=0).value == pytest.approx(
        harrell_c(alone.any_event, r, n_resamples=0).value, rel=1e-12
    )


def test_auc_by_a_loop_and_with_one_cause() -> None:
    r, test = cohort(1)
    horizon, g = float(np.median(test.duration)), censoring_survival(*test.any_event)
    concordant = comparable = 0.0
    for i in np.flatnonzero((test.cause == 1) & (test.duration <= horizon)):
        for j in range(len(r)):
            alive, another = test.duration[j] > horizon, test.cause[j] == 2 and test.duration[j] <= horizon
            if alive or another:
                g_j = float(g(horizon)) if alive else float(g(test.duration[j], left=True))
                weight = 1 / float(g(test.duration[i], left=True)) / g_j
                comparable += weight
                concordant += weight * ((r[i] > r[j]) + (r[i] == r[j]) / 2)
    assert cause_auc(test, test, 1, r, horizon, n_resamples=0).value == pytest.approx(concordant / comparable)
    one = test._replace(cause=(test.cause > 0).astype(int))
    assert cause_auc(one, one, 1, r, horizon, n_resamples=0).value == pytest.approx(
        time_dependent_auc(one.any_event, one.any_event, r, horizon, n_resamples=0).value
    )


def test_brier_by_a_loop_and_with_one_cause() -> None:
    r, test = cohort(2)
    times = np.array([2.0, 5.0, 7.5])
    f = np.random.default_rng(0).random((len(r), 3))
    g = censoring_survival(*test.any_event)
    found = incidence_brier_contributions(test, test, 1, f, times)
    for i in range(len(r)):
        for k, t in enumerate(times):
            expected = 0.0
            if test.duration[i] > t:
                expected = f[i, k] ** 2 / float(g(t))
            elif test.cause[i] > 0:
                target = float(test.cause[i] == 1)
                expected = (target - f[i, k]) ** 2 / float(g(test.duration[i], left=True))
            assert found[i, k] == pytest.approx(expected, rel=1e-12)
    one = test._replace(cause=(test.cause > 0).astype(int))
    np.testing.assert_allclose(
        incidence_brier_contributions(one, one, 1, f, times),
        brier_contributions(one.any_event, one.any_event, 1 - f, times),
    )


def test_the_true_incidence_has_the_lowest_ibs_and_is_calibrated() -> None:
    r, test = cohort(3, 6000)
    times = np.array([2.0, 4.0, 8.0])
    total = np.exp(r) + 1.0
    continuous = np.maximum(times, 0.0) / 8  # durations are rounded up: by whole numbers the incidence is exact
    true = (np.exp(r) / total)[:, None] * (1 - np.exp(-total[:, None] * continuous))
    score = incidence_ibs(test, test, 1, true, times, n_resamples=20)
    null = np.tile(aalen_johansen(test.duration, test.cause, 2)(times)[0], (len(r), 1))
    assert score.high < incidence_ibs(test, test, 1, null, times, n_resamples=0).value
    for wrong in (true * 0.7, np.minimum(1.5 * true, 1.0)):
        assert score.value < incidence_ibs(test, test, 1, wrong, times, n_resamples=0).value
    curve = incidence_calibration(test, 1, true[:, 1], 4.0)
    assert curve.n.sum() == 6000
    np.testing.assert_allclose(curve.observed, curve.predicted, atol=0.05)


def test_what_cannot_be_scored_says_why() -> None:
    r, test = cohort(0)
    late = test._replace(entry=np.zeros(80))
    times = np.array([1.0, 2.0])
    assert cause_c(late, late, 1, r).reason == NO_FORM
    assert cause_auc(late, late, 1, r, 2.0).reason == NO_FORM
    assert incidence_ibs(late, late, 1, np.zeros((80, 2)), times).reason == NO_FORM
    assert "not a finite number" in cause_c(test, test, 1, np.full(80, np.nan)).reason
    assert "no comparable pair" in cause_c(test, test, 5, r).reason
    assert "no case" in cause_auc(test, test, 5, r, 2.0).reason
    early = CausedOutcome(np.ones(10), np.zeros(10, dtype=int))
    assert "weight 1 / G is unknown" in cause_c(early, test, 1, r).reason
    assert incidence_ibs(test, test, 1, np.full((80, 2), np.nan), times).reason
