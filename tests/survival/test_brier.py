"""Brier scores against scikit-survival where it is right, against hand calculation where it is not."""

import numpy as np
import pytest
from sksurv.datasets import load_gbsg2, load_whas500
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.metrics import brier_score as sksurv_brier
from sksurv.metrics import integrated_brier_score as sksurv_ibs

from survembed.errors import UsageError
from survembed.survival.breslow import BreslowBaseline
from survembed.survival.brier import brier_band, brier_contributions, brier_curve, integrated_brier_score
from survembed.survival.kaplan_meier import censoring_survival, kaplan_meier_survival
from survembed.survival.outcome import Outcome, from_structured, to_structured
from survembed.survival.time_grid import time_grid


class Case:
    """A Cox model with two covariates on one half of a cohort, its predictions on the other half."""

    def __init__(self, load, columns, bin_width=None):
        x, y = load()
        x, (duration, event) = x[columns].to_numpy(float), from_structured(y)
        if bin_width is None:  # no two durations alike
            duration = duration + np.random.default_rng(0).uniform(0, 0.5, len(duration))
        else:
            duration = np.ceil(duration / bin_width) * bin_width
        half = np.random.default_rng(1).permutation(len(x)) < len(x) // 2
        half[duration == duration.max()] = True  # scikit-survival raises for test subjects beyond training follow-up
        self.train, self.test = (Outcome(duration[part], event[part]) for part in (half, ~half))
        cox = CoxPHSurvivalAnalysis().fit(x[half], to_structured(*self.train))
        self.risk = cox.predict(x[~half])
        self.baseline = BreslowBaseline.fit(cox.predict(x[half]), *self.train)
        self.times = time_grid(self.train, self.test)
        self.survival = self.baseline.survival(self.risk, self.times)

    @property
    def structured(self):
        return to_structured(*self.train), to_structured(*self.test)


@pytest.fixture(params=[(load_gbsg2, ["pnodes", "progrec"]), (load_whas500, ["age", "bmi"])], ids=["gbsg2", "whas500"])
def case(request):
    return Case(*request.param)


@pytest.fixture
def binned():
    return Case(load_whas500, ["age", "bmi"], bin_width=180)


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


def test_grid_lies_where_it_must(case):
    low, high = np.percentile(case.test.duration, [5, 90])
    assert len(case.times) == 100
    assert (np.diff(case.times) > 0).all()
    assert case.times[0] == low
    assert case.times[-1] <= high
    assert case.times[-1] < case.train.duration.max()
    assert (censoring_survival(*case.train)(case.times) > 0.05).all()


def test_grid_ends_below_training_follow_up_and_before_censoring_is_complete():
    rng = np.random.default_rng(0)
    test = Outcome(rng.uniform(0, 100, 500), rng.random(500) < 0.5)
    short = Outcome(np.linspace(1, 30, 60), np.ones(60, dtype=bool))
    assert 29 < time_grid(short, test)[-1] < 30
    censored = Outcome(np.linspace(1, 80, 100), np.arange(100) < 20)
    end = time_grid(censored, test)[-1]
    assert censoring_survival(*censored)([end]).item() > 0.05
    assert censoring_survival(*censored)([end + 1.1]).item() <= 0.05


def test_test_times_beyond_training_follow_up_give_named_results():
    train = Outcome(np.array([1.0, 2.0, 3.0]), np.array([True, True, False]))
    test = Outcome(np.array([10.0, 20.0, 30.0]), np.array([True, True, True]))
    times = time_grid(train, test)
    assert len(times) == 0


def test_unknown_survival_gives_a_named_result(case):
    survival = case.survival.copy()
    survival[3, -1] = np.nan
    assert "unknown" in integrated_brier_score(case.train, case.test, survival, case.times).reason


def test_null_model_is_the_training_kaplan_meier(case):
    survival = kaplan_meier_survival(case.train, 4, case.times)
    assert survival.shape == (4, 100)
    null = kaplan_meier_survival(case.train, len(case.risk), case.times)
    expected = integrated_brier_score(case.train, case.test, null, case.times).value
    assert expected == pytest.approx(sksurv_ibs(*case.structured, null, case.times), abs=1e-12)


def test_the_band_of_the_brier_score_holds_the_curve_and_its_mean_is_the_score(case: Case) -> None:
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
