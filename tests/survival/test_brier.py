"""Brier scores against scikit-survival where it is right, against hand calculation where it is not."""

import numpy as np
import pytest
from sksurv.datasets import load_whas500
from sksurv.metrics import brier_score as sksurv_brier
from sksurv.metrics import integrated_brier_score as sksurv_ibs

from survembed.errors import UsageError
from survembed.survival.brier import brier_band, brier_contributions, brier_curve, integrated_brier_score
from survembed.survival.kaplan_meier import censoring_survival
from survembed.survival.outcome import Outcome
from tests.survival.cox_predictions import COHORTS, CoxPredictions


@pytest.fixture(params=COHORTS)
def case(request):
    return CoxPredictions(*COHORTS[request.param])


@pytest.fixture
def binned():
    return CoxPredictions(load_whas500, ["age", "bmi"], bin_width=180)


def test_brier_equals_scikit_survival_without_ties(case):
    _, expected = sksurv_brier(*case.structured, case.survival, case.times)
    np.testing.assert_allclose(brier_curve(case.train, case.test, case.survival, case.times), expected, atol=1e-12)
    metric = integrated_brier_score(case.train, case.test, case.survival, case.times)
    assert metric.value == pytest.approx(sksurv_ibs(*case.structured, case.survival, case.times), abs=1e-12)
    assert metric.low < metric.value < metric.high


def brute_force_brier(train, test, survival, t):
    g = censoring_survival(*train)
    total = 0.0
    for duration, event, s in zip(*test, survival, strict=True):
        if duration <= t and event:
            total += s**2 / g([duration], left=True).item()
        elif duration > t:
            total += (1 - s) ** 2 / g([t]).item()
    return total / len(survival)


def test_binned_durations_take_the_left_limit_where_scikit_survival_does_not(binned):
    ours = brier_curve(binned.train, binned.test, binned.survival, binned.times)
    expected = [
        brute_force_brier(binned.train, binned.test, s, t) for s, t in zip(binned.survival.T, binned.times, strict=True)
    ]
    np.testing.assert_allclose(ours, expected, atol=1e-12)
    _, theirs = sksurv_brier(*binned.structured, binned.survival, binned.times)
    assert (theirs > ours * 1.02).any()  # G(T) of a tied event is too small, so its weight too large


def test_unsorted_times_are_refused(case):
    """scikit-survival sorts the times but not the columns."""
    with pytest.raises(UsageError, match="not strictly increasing"):
        brier_curve(case.train, case.test, case.survival[:, ::-1], case.times[::-1])
    with pytest.raises(UsageError, match="shape"):
        brier_curve(case.train, case.test, case.survival[:, 1:], case.times)


def test_perfect_and_useless_predictions():
    test = Outcome(np.arange(1.0, 101.0), np.ones(100, dtype=bool))
    times = np.linspace(10.5, 90.5, 50)
    perfect = (test.duration[:, None] > times).astype(float)
    assert integrated_brier_score(test, test, perfect, times).value == 0
    assert integrated_brier_score(test, test, np.full_like(perfect, 0.5), times).value == pytest.approx(0.25)


def test_unknown_survival_gives_a_named_result(case):
    survival = case.survival.copy()
    survival[3, -1] = np.nan
    assert "unknown" in integrated_brier_score(case.train, case.test, survival, case.times).reason

    low, high = brier_band(case.train, case.test, case.survival, case.times, n_resamples=300)
    curve = brier_curve(case.train, case.test, case.survival, case.times)
    assert (low <= curve).all()
    assert (curve <= high).all()
    # at one time, the band is the percentile interval of a mean
    parts = brier_contributions(case.train, case.test, case.survival, case.times)[:, 3]
    rng = np.random.default_rng(0)
    means = [parts[rng.integers(len(parts), size=len(parts))].mean() for _ in range(300)]
    np.testing.assert_allclose((low[3], high[3]), np.percentile(means, [2.5, 97.5]), atol=1e-12)
    assert np.isnan(brier_band(case.train, case.test, case.survival, case.times, n_resamples=0)).all()
