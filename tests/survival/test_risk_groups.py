"""Groups by risk against lifelines."""

from __future__ import annotations

import numpy as np
import pytest
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test
from lifelines.utils import median_survival_times
from scipy.stats import chi2

from survembed.survival.outcome import Outcome
from survembed.survival.risk_groups import equal_groups, group_curves, log_rank


@pytest.fixture
def outcome() -> Outcome:
    rng = np.random.default_rng(0)
    return Outcome(rng.integers(1, 40, 90).astype(float), rng.random(90) < 0.7)  # whole days: many ties


def test_groups_are_equal_and_rise_with_risk() -> None:
    risk = np.random.default_rng(0).normal(size=90)
    group = equal_groups(risk, 3)
    assert np.bincount(group).tolist() == [30, 30, 30]
    assert risk[group == 0].max() < risk[group == 1].min() < risk[group == 2].min()


def test_equal_risks_stay_together() -> None:
    assert equal_groups(np.array([1.0, 1, 1, 1, 2, 2]), 3).tolist() == [0, 0, 0, 0, 1, 1]
    assert set(equal_groups(np.full(9, 0.3), 3).tolist()) == {0}


def test_log_rank_is_that_of_lifelines(outcome: Outcome) -> None:
    group = np.arange(90) % 3
    found = log_rank(outcome, group)
    expected = multivariate_logrank_test(outcome.duration, group, outcome.event)
    assert found is not None
    assert found.statistic == pytest.approx(expected.test_statistic)
    assert found.p_value == pytest.approx(expected.p_value)
    assert log_rank(outcome, np.zeros(90, dtype=int)) is None
    assert log_rank(Outcome(outcome.duration, np.zeros(90, bool)), group) is None


def test_log_rank_of_a_handful_of_subjects_is_a_test_of_the_groups_that_can_be_compared() -> None:
    """Random small groups, many never at risk together: against the pseudo-inverse of sums over single events."""
    rng = np.random.default_rng(0)
    n_singular = 0
    for _ in range(300):
        n = int(rng.integers(2, 7))
        duration = rng.choice([1.0, 2.0, 3.0, 4.0], n)
        event, group = rng.random(n) < rng.choice([0.0, 0.5, 1.0]), rng.integers(0, 4, n)
        numbers = np.unique(group)
        excess, covariance = np.zeros(len(numbers)), np.zeros((len(numbers), len(numbers)))
        for time in set(duration[event].tolist()):
            at_risk, died = duration >= time, (duration == time) & event
            p = np.array([(group[at_risk] == number).mean() for number in numbers])
            excess += np.array([(group[died] == number).sum() for number in numbers]) - died.sum() * p
            factor = died.sum() * (at_risk.sum() - died.sum()) / max(at_risk.sum() - 1, 1)
            covariance += factor * (np.diag(p) - np.outer(p, p))
        rank = int(np.linalg.matrix_rank(covariance, tol=1e-9))
        n_singular += rank < len(numbers) - 1
        found = log_rank(Outcome(duration, event), group)
        if rank == 0:
            assert found is None
            continue
        assert found is not None
        statistic = excess @ np.linalg.pinv(covariance, rcond=1e-9) @ excess
        assert found == pytest.approx((statistic, chi2.sf(statistic, rank)), abs=1e-9)
    assert n_singular > 50


def test_curves_are_those_of_lifelines(outcome: Outcome) -> None:
    group = np.arange(90) % 2
    curves = group_curves(outcome, group)
    for number, curve in enumerate(curves):
        mine = group == number
        fitted = KaplanMeierFitter().fit(outcome.duration[mine], outcome.event[mine])
        np.testing.assert_allclose(curve.survival, fitted.survival_function_at_times(curve.times), atol=1e-12)
        interval = fitted.confidence_interval_survival_function_.loc[curve.times].to_numpy()
        inside = (curve.survival > 0) & (curve.survival < 1)
        np.testing.assert_allclose(np.column_stack([curve.low, curve.high])[inside], interval[inside], atol=1e-6)
        value, low, high = curve.median()
        assert value == fitted.median_survival_time_
        limits = median_survival_times(fitted.confidence_interval_survival_function_).to_numpy()[0]
        assert (low, high) == tuple(limits)
        assert curve.n_at_risk(np.array([0.0, 10.0, 99.0])) == [45, int((outcome.duration[mine] >= 10).sum()), 0]
        assert (curve.n, curve.n_events) == (45, int(outcome.event[mine].sum()))
