"""Step functions against lifelines and scikit-survival on their own data, and at the edges where those go wrong."""

import json

import numpy as np
import pytest
from lifelines import KaplanMeierFitter
from sksurv.datasets import load_gbsg2, load_whas500
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.linear_model.coxph import BreslowEstimator
from sksurv.nonparametric import CensoringDistributionEstimator

from survembed.survival.breslow import BreslowBaseline
from survembed.survival.cox_slope import cox_slope
from survembed.survival.kaplan_meier import StepFunction, censoring_survival, follow_up, kaplan_meier
from survembed.survival.outcome import Outcome, from_structured, to_structured


def outcome(load):
    return from_structured(load()[1])


@pytest.fixture(params=[load_gbsg2, load_whas500])
def cohort(request):
    return outcome(request.param)


def test_structured_round_trip(cohort):
    back = from_structured(to_structured(*cohort))
    assert np.array_equal(back.duration, cohort.duration)
    assert np.array_equal(back.event, cohort.event)
    assert back.duration.dtype == np.float64


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


def test_kaplan_meier_without_event_is_one():
    curve = kaplan_meier(np.array([1.0, 2.0]), np.array([False, False]))
    assert curve([0.0, 5.0]).tolist() == [1.0, 1.0]


def test_censoring_survival_equals_scikit_survival(cohort):
    reference = CensoringDistributionEstimator().fit(to_structured(*cohort))
    times = np.linspace(0, cohort.duration.max(), 500)
    np.testing.assert_allclose(censoring_survival(*cohort)(times), reference.predict_proba(times), atol=1e-12)


def test_events_precede_censorings_at_the_same_time():
    """At time 1 one of four dies and one is censored: of the three then still there, one is censored."""
    g = censoring_survival(np.array([1.0, 1, 2, 2]), np.array([True, False, True, True]))
    assert g([1.0]).item() == pytest.approx(2 / 3)
    assert g([1.0], left=True).item() == 1.0


def test_follow_up_is_the_reverse_kaplan_meier_median(cohort):
    result = follow_up(*cohort)
    assert (result.n, result.n_events) == (len(cohort.duration), cohort.event.sum())
    reverse = KaplanMeierFitter().fit(cohort.duration, ~cohort.event).median_survival_time_
    # lifelines keeps who died at a time among those who could be censored then: a step apart at most.
    assert result.median == pytest.approx(reverse, rel=0.02)
    assert np.isnan(follow_up(np.array([1.0, 2.0]), np.array([True, True])).median)


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


def test_baseline_survives_a_round_trip_through_json(cohort):
    baseline = BreslowBaseline.fit(np.zeros(len(cohort.duration)), *cohort)
    text = json.dumps({name: array.tolist() for name, array in baseline.to_dict().items()})
    times = np.linspace(0, cohort.duration.max(), 20)
    again = BreslowBaseline.from_dict(json.loads(text))
    assert np.array_equal(again.survival([0.3], times), baseline.survival([0.3], times))


def test_cox_slope_equals_scikit_survival_on_a_resample():
    x, y = load_whas500()
    age = x["age"].to_numpy(float)
    draw = np.random.default_rng(0).integers(len(age), size=len(age))
    weight = np.column_stack([np.ones(len(age)), np.bincount(draw, minlength=len(age))])
    slopes = cox_slope(age, *from_structured(y), weight)
    for take, slope in zip([np.arange(len(age)), draw], slopes, strict=True):
        fit = CoxPHSurvivalAnalysis(tol=1e-12).fit(age[take, None], y[take])
        assert slope == pytest.approx(fit.coef_[0], rel=1e-6)


def test_cox_slope_is_nan_where_there_is_none():
    duration = np.arange(1.0, 7.0)
    event = np.ones(6, dtype=bool)
    assert np.isnan(cox_slope(-duration, duration, event)).all()  # separates perfectly
    assert np.isnan(cox_slope(np.ones(6), duration, event)).all()
    assert np.isnan(cox_slope(duration, duration, ~event)).all()


def test_outcome_unpacks():
    duration, event = Outcome(np.array([1.0]), np.array([True]))
    assert duration[0] == 1.0
    assert event[0]
