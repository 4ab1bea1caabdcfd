"""Kaplan–Meier estimates against lifelines, scikit-survival and exact arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from lifelines import KaplanMeierFitter
from lifelines.utils import median_survival_times
from sksurv.datasets import load_gbsg2, load_whas500
from sksurv.nonparametric import CensoringDistributionEstimator, kaplan_meier_estimator

from survembed.survival.kaplan_meier import (
    StepFunction,
    censoring_survival,
    follow_up,
    kaplan_meier,
    kaplan_meier_band,
    kaplan_meier_survival,
)
from survembed.survival.outcome import Outcome, from_structured, to_structured


@pytest.fixture(params=[load_gbsg2, load_whas500])
def cohort(request):
    return from_structured(request.param()[1])


def test_step_function_is_right_continuous_with_left_limits():
    step = StepFunction(np.array([1.0, 2.0]), np.array([0.8, 0.3]))
    assert step([0, 1, 1.5, 2, 9]).tolist() == [1.0, 0.8, 0.8, 0.3, 0.3]
    assert step([1, 2, 9], left=True).tolist() == [1.0, 0.8, 0.3]
    assert step.median() == 2.0
    assert np.isnan(StepFunction(np.array([1.0]), np.array([0.6])).median())


def test_kaplan_meier_equals_lifelines(cohort):
    times = np.linspace(0, cohort.duration.max(), 500)
    expected = KaplanMeierFitter().fit(cohort.duration, cohort.event).survival_function_at_times(times)
    np.testing.assert_allclose(kaplan_meier(*cohort)(times), expected, atol=1e-12)
    np.testing.assert_allclose(kaplan_meier_survival(cohort, 2, times), [expected, expected], atol=1e-12)


def test_kaplan_meier_without_event_is_one():
    curve = kaplan_meier(np.array([1.0, 2.0]), np.array([False, False]))
    assert curve([0.0, 5.0]).tolist() == [1.0, 1.0]


def test_band_equals_scikit_survival(cohort):
    times, survival, (low, high) = kaplan_meier_estimator(cohort.event, cohort.duration, conf_type="log-log")
    band = kaplan_meier_band(*cohort)
    np.testing.assert_array_equal(band.times, times)
    np.testing.assert_allclose(band.values, [survival, low, high], atol=1e-12)


def test_band_of_survival_one_and_zero_has_no_width():
    band = kaplan_meier_band(np.array([1.0, 2.0, 3.0]), np.array([False, True, True]))
    np.testing.assert_array_equal(band.values[:, 0], 1.0)
    np.testing.assert_array_equal(band.values[:, 2], 0.0)


def exact_median(duration, event):
    """First event time at which the product-limit estimate, a fraction of whole numbers, is 1/2 or less; or NaN."""
    survival = Fraction(1)
    for time in np.unique(duration[event]):
        n_at_risk = int((duration >= time).sum())
        survival *= Fraction(n_at_risk - int((event & (duration == time)).sum()), n_at_risk)
        if survival <= Fraction(1, 2):
            return float(time)
    return np.nan


@pytest.mark.parametrize("n", range(2, 60, 2))
def test_median_of_an_even_number_of_distinct_events_is_the_middle_one(n):
    """S(n/2) is exactly 1/2; a plain floating-point product is above it for 24, 28, 30, 38, 44, 46 and 54."""
    duration, event = np.arange(1.0, n + 1), np.ones(n, dtype=bool)
    assert kaplan_meier(duration, event).median() == n / 2
    assert censoring_survival(duration, ~event).median() == follow_up(duration, ~event).median == n / 2
    assert StepFunction(*_first_row(kaplan_meier_band(duration, event))).median() == n / 2


def _first_row(band):
    return band.times, band.values[0]


def test_median_of_random_samples_is_exact_and_equals_lifelines():
    """lifelines compares in floating point: its median is a step late in some samples with S(t) of exactly 1/2."""
    rng = np.random.default_rng(0)
    n_half = 0
    for _ in range(1000):
        n = rng.integers(2, 80)
        duration = rng.integers(1, rng.integers(2, 60), n).astype(float)
        event = rng.random(n) < rng.uniform(0.2, 1)
        median = kaplan_meier(duration, event).median()
        np.testing.assert_equal(median, exact_median(duration, event))
        reference = KaplanMeierFitter().fit(duration, event)
        curve = reference.survival_function_
        is_half = np.isclose(curve, 0.5, rtol=1e-12).any()
        n_half += is_half
        expected = median_survival_times(curve - 1e-12) if is_half else reference.median_survival_time_
        np.testing.assert_equal(median, np.nan if np.isinf(expected) else expected)
    assert n_half > 30


@pytest.mark.parametrize("n", [200, 5000])
def test_median_of_a_long_curve_is_exact(n):
    duration, event = np.arange(1.0, n + 1), np.ones(n, dtype=bool)
    assert kaplan_meier(duration, event).median() == n / 2
    odd = kaplan_meier(duration[:-1], event[:-1])  # S is (n/2 - 1) / (n - 1) at n/2: just below
    assert odd.median() == n / 2


def test_other_levels_are_exact_too():
    """With 20 distinct censorings G is exactly 0.05 at the 19th, and 0.25 at the 15th."""
    g = censoring_survival(np.arange(1.0, 21), np.zeros(20, dtype=bool))
    reached = [g.first_time_at_or_below(round(1 - k / 20, 2)) for k in range(1, 20)]
    assert reached == list(range(1, 20))


def test_censoring_survival_equals_scikit_survival(cohort):
    reference = CensoringDistributionEstimator().fit(to_structured(*cohort))
    times = np.linspace(0, cohort.duration.max(), 500)
    np.testing.assert_allclose(censoring_survival(*cohort)(times), reference.predict_proba(times), atol=1e-12)


def test_events_precede_censorings_at_the_same_time():
    """At time 1 one of four has an event and one is censored: of the three left at risk, one is censored."""
    g = censoring_survival(np.array([1.0, 1, 2, 2]), np.array([True, False, True, True]))
    assert g([1.0]).item() == pytest.approx(2 / 3)
    assert g([1.0], left=True).item() == 1.0


def test_follow_up_is_the_reverse_kaplan_meier_median(cohort):
    result = follow_up(*cohort)
    assert (result.n, result.n_events) == (len(cohort.duration), cohort.event.sum())
    reverse = KaplanMeierFitter().fit(cohort.duration, ~cohort.event).median_survival_time_
    # lifelines keeps subjects with an event in the risk set of censorings at that time: a step apart at most.
    assert result.median == pytest.approx(reverse, rel=0.02)
    assert np.isnan(follow_up(*Outcome(np.array([1.0, 2.0]), np.array([True, True]))).median)
