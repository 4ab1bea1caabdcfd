"""Breslow's estimate against scikit-survival, and at the limits of floating point."""

import numpy as np
import pytest
from sksurv.datasets import load_gbsg2, load_whas500
from sksurv.linear_model.coxph import BreslowEstimator

from survembed.survival.breslow import BreslowBaseline
from survembed.survival.outcome import from_structured


@pytest.fixture(params=[load_gbsg2, load_whas500])
def cohort(request):
    return from_structured(request.param()[1])


@pytest.mark.parametrize("coarse", [1.0, 300.0])
def test_breslow_equals_scikit_survival(cohort, coarse):
    duration = np.ceil(cohort.duration / coarse)
    r = np.random.default_rng(0).normal(size=len(duration))
    reference = BreslowEstimator().fit(r, cohort.event, duration)
    times = reference.unique_times_
    expected = np.array([f(times) for f in reference.get_survival_function(r[:20])])
    survival = BreslowBaseline.fit(r, duration, cohort.event).survival(r[:20], times)
    np.testing.assert_allclose(survival, expected, atol=1e-12)


def test_survival_is_one_before_the_first_event_and_unknown_after_follow_up():
    duration, event = np.array([2.0, 3.0, 5.0]), np.array([True, True, False])
    survival = BreslowBaseline.fit(np.zeros(3), duration, event).survival([0.0, 1.0], [0.0, 1.99, 2.0, 4.0, 5.0, 5.01])
    assert (survival[:, :2] == 1).all()
    assert (survival[:, 2] < 1).all()
    assert np.array_equal(survival[:, 3], survival[:, 4])
    assert np.isnan(survival[:, 5]).all()


def test_extreme_log_hazards_and_shifts_change_nothing():
    rng = np.random.default_rng(0)
    duration, event, r = rng.exponential(size=50), rng.random(50) < 0.7, rng.normal(size=50)
    times = np.linspace(0, duration.max(), 30)
    expected = BreslowBaseline.fit(r, duration, event).survival(r, times)
    for shift in (-1e4, 1e4):
        shifted = BreslowBaseline.fit(r + shift, duration, event).survival(r + shift, times)
        np.testing.assert_allclose(shifted, expected, atol=1e-9)
    wild = BreslowBaseline.fit(r * 1e4, duration, event).survival(r * 1e4, times)
    assert ((wild >= 0) & (wild <= 1)).all()


def test_baseline_without_event_survives_throughout():
    baseline = BreslowBaseline.fit(np.zeros(3), np.arange(3.0), np.zeros(3, dtype=bool))
    assert baseline.survival([0.0], [0.0, 2.0]).tolist() == [[1.0, 1.0]]
    assert np.isnan(baseline.median([0.0])).all()


def test_median_is_where_the_curve_reaches_one_half(cohort):
    r = np.random.default_rng(1).normal(size=len(cohort.duration))
    baseline = BreslowBaseline.fit(r, *cohort)
    median = baseline.median([-1.0, 0.0, 3.0])
    curves = baseline.survival([-1.0, 0.0, 3.0], baseline.times)
    for value, curve in zip(median, curves, strict=True):
        reached = np.flatnonzero(curve <= 0.5)
        assert value == baseline.times[reached[0]] if len(reached) else np.isnan(value)
    assert median[2] < median[1]


@pytest.mark.parametrize("seed", range(20))
def test_median_where_survival_is_exactly_one_half(seed):
    """Log-hazards for which S(t) is 0.5 at an event time: rounding moved one median in twenty to the next event."""
    rng = np.random.default_rng(seed)
    r = rng.normal(size=60) * rng.choice([0.1, 1.0, 10.0])
    baseline = BreslowBaseline.fit(r, rng.exponential(size=60), rng.random(60) < 0.7)
    log_hazard = np.log(np.log(2.0)) - baseline.log_cumulative_hazard
    np.testing.assert_array_equal(baseline.median(log_hazard), baseline.times)
    np.testing.assert_array_equal(baseline.median(log_hazard + 1e-9), baseline.times)
    np.testing.assert_array_equal(baseline.median(log_hazard - 1e-9)[:-1], baseline.times[1:])
