"""Calibration measures on planted truth."""

import numpy as np
import pytest
from lifelines import KaplanMeierFitter

from survembed.survival.calibration import calibration_curve, calibration_slope, d_calibration
from survembed.survival.outcome import Outcome

TIMES = np.linspace(0.01, 6, 400)


class Planted:
    """Exponential lives with log-hazard r, uniform censoring, and the curves of a model that scales r by `slope`."""

    def __init__(self, n=3000, slope=1.0, seed=0, censored=True):
        rng = np.random.default_rng(seed)
        r = rng.normal(size=n) / 2
        life = rng.exponential(np.exp(-r))
        limit = rng.uniform(0.5, 6, n) if censored else np.full(n, np.inf)
        self.test = Outcome(np.minimum(life, limit), life < limit)
        self.rate = np.exp(slope * r)
        self.survival = np.exp(-np.outer(self.rate, TIMES))

    def at(self, t):
        return np.exp(-self.rate * t)


@pytest.mark.parametrize("censored", [True, False])
def test_true_model_is_d_calibrated(censored):
    planted = Planted(censored=censored)
    result = d_calibration(planted.test, planted.survival, TIMES)
    assert result.p_value > 0.05
    np.testing.assert_allclose(result.share, 0.1, atol=0.02)
    assert result.share.sum() == pytest.approx(1)


def test_wrong_level_is_not_d_calibrated():
    planted = Planted()
    result = d_calibration(planted.test, planted.survival**2, TIMES)
    assert result.p_value < 1e-6
    assert result.share[-1] < 0.07


def test_d_calibration_spreads_a_censored_subject_over_what_is_left():
    """One event at S = 0.95; one censored at S = 0.25: 0.4 in each of the lowest two bins of ten, 0.2 in the third."""
    test = Outcome(np.array([1.0, 1.0]), np.array([True, False]))
    survival = np.array([[0.95, 0.95], [0.25, 0.25]])
    share = d_calibration(test, survival, np.array([1.0, 2.0])).share
    np.testing.assert_allclose(share * 2, [0.4, 0.4, 0.2, 0, 0, 0, 0, 0, 0, 1], atol=1e-12)


def test_follow_up_beyond_the_grid_counts_as_censored():
    test = Outcome(np.array([9.0]), np.array([True]))
    share = d_calibration(test, np.array([[0.9, 0.5]]), np.array([1.0, 2.0])).share
    np.testing.assert_allclose(share, [0.2] * 5 + [0] * 5, atol=1e-12)


def test_curve_of_the_true_model_lies_on_the_diagonal():
    planted = Planted()
    curve = calibration_curve(planted.test, planted.at(1.0), 1.0)
    assert curve.n.sum() == 3000
    assert (np.diff(curve.predicted) > 0).all()
    assert ((curve.low <= curve.predicted) & (curve.predicted <= curve.high)).mean() >= 0.8
    np.testing.assert_allclose(curve.observed, curve.predicted, atol=0.08)


def test_curve_equals_lifelines_in_each_group():
    planted = Planted(n=200)
    curve = calibration_curve(planted.test, planted.at(1.0), 1.0, n_groups=1)
    km = KaplanMeierFitter().fit(*planted.test)
    index = km.survival_function_.index <= 1.0
    high, low = 1 - km.confidence_interval_[index].iloc[-1]
    assert curve.observed[0] == pytest.approx(1 - km.predict(1.0))
    assert (curve.low[0], curve.high[0]) == pytest.approx((low, high), rel=1e-6)


def test_curve_is_unknown_where_a_group_is_not_followed():
    test = Outcome(np.array([1.0, 2.0, 5.0, 6.0]), np.array([True, False, True, True]))
    curve = calibration_curve(test, np.array([0.1, 0.1, 0.9, 0.9]), 4.0, n_groups=2)
    assert curve.observed[0] == 0  # low risk first
    assert np.isnan(curve.observed[1])


def test_nobody_or_everybody_has_an_interval_too():
    """Rule of three: without an event in n subjects the risk is below 1 - 0.025^(1/n)."""
    duration = np.array([5.0, 5.0, 5.0, 1.0, 2.0, 3.0, 1.5, 2.5, 2.2])
    event = np.array([True, False, True, False, True, True, True, True, False])
    curve = calibration_curve(Outcome(duration, event), np.array([0.9] * 4 + [0.1] * 5), 4.0, n_groups=2)
    assert curve.observed.tolist() == [0, 1]
    assert (curve.low[0], curve.high[0]) == (0, pytest.approx(1 - 0.025 ** (1 / 3)))  # one was lost at 1
    assert (curve.low[1], curve.high[1]) == (pytest.approx(0.025 ** (1 / 4)), 1)  # one was lost at 2.2


def test_equal_predictions_are_one_group():
    planted = Planted(n=100)
    assert calibration_curve(planted.test, np.full(100, 0.3), 1.0).n.tolist() == [100]


@pytest.mark.parametrize(("slope", "expected"), [(1.0, 1.0), (2.0, 0.5), (0.5, 2.0)])
def test_slope_finds_over_and_underfitting(slope, expected):
    planted = Planted(slope=slope)
    metric = calibration_slope(planted.test, planted.at(1.0), 1.0, n_resamples=100)
    assert metric.value == pytest.approx(expected, rel=0.15)
    assert metric.low < expected < metric.high


def test_slope_without_spread_or_event_is_named():
    planted = Planted(n=50)
    assert "no slope" in calibration_slope(planted.test, np.full(50, 0.4), 1.0).reason
    assert "no slope" in calibration_slope(planted.test, planted.at(1.0), 1e-9).reason
