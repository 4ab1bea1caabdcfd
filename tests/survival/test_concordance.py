"""Concordance against lifelines, scikit-survival and a brute force over all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines.datasets import load_rossi
from lifelines.utils import concordance_index
from sksurv.datasets import load_gbsg2, load_whas500
from sksurv.metrics import concordance_index_ipcw, cumulative_dynamic_auc

from survembed.survival.concordance import harrell_c, time_dependent_auc, uno_c
from survembed.survival.kaplan_meier import censoring_survival
from survembed.survival.outcome import Outcome, from_structured, to_structured


def rossi():
    frame = load_rossi()
    return Outcome(frame["week"].to_numpy(float), frame["arrest"].to_numpy(bool)), frame["prio"].to_numpy(float)


def gbsg2():
    x, y = load_gbsg2()
    return from_structured(y), x["pnodes"].to_numpy(float)


def whas500():
    x, y = load_whas500()
    return from_structured(y), x["age"].to_numpy(float)


@pytest.fixture(params=[rossi, gbsg2, whas500])
def cohort(request):
    """Outcome and a risk with many ties."""
    return request.param()


@pytest.fixture
def untied():
    """Train and test outcome and risk, with no two durations alike."""
    rng = np.random.default_rng(0)
    risk = rng.normal(size=600)
    life, censored = rng.exponential(np.exp(-risk)), rng.exponential(2, size=600)
    duration, event = np.minimum(life, censored), life < censored
    return Outcome(duration[:300], event[:300]), Outcome(duration[300:], event[300:]), risk[300:]


def test_harrell_equals_lifelines(cohort):
    outcome, risk = cohort
    expected = concordance_index(outcome.duration, -risk, outcome.event)
    assert harrell_c(outcome, risk, n_resamples=0).value == pytest.approx(expected, abs=1e-12)


def test_each_resample_equals_lifelines_on_that_resample(cohort):
    outcome, risk = cohort
    n = len(risk)
    samples = harrell_c(outcome, risk, n_resamples=20, seed=5).samples
    rng = np.random.default_rng(5)
    for sample in samples:
        draw = rng.integers(n, size=n)
        expected = concordance_index(outcome.duration[draw], -risk[draw], outcome.event[draw])
        assert sample == pytest.approx(expected, abs=1e-12)


def brute_force(train, test, risk, tau):
    g = censoring_survival(*train)(test.duration, left=True)
    concordant = comparable = 0.0
    for i, (ti, ri) in enumerate(zip(test.duration, risk, strict=True)):
        for j, (tj, rj) in enumerate(zip(test.duration, risk, strict=True)):
            later = tj > ti or (tj == ti and not test.event[j] and i != j)
            if test.event[i] and ti < tau and later:
                comparable += 1 / g[i] ** 2
                concordant += (float(ri > rj) + 0.5 * (ri == rj)) / g[i] ** 2
    return concordant / comparable if comparable else np.nan


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_uno_equals_brute_force_under_all_kinds_of_ties(data):
    n = data.draw(st.integers(1, 20))
    column = lambda of: np.array(data.draw(st.lists(of, min_size=n, max_size=n)))  # noqa: E731
    test = Outcome(column(st.integers(0, 6)).astype(float), column(st.booleans()))
    risk = column(st.integers(0, 4)).astype(float)
    train = Outcome(np.arange(9.0), np.arange(9) % 3 > 0)
    expected = brute_force(train, test, risk, tau=5.0)
    metric = uno_c(train, test, risk, 5.0, n_resamples=0)
    assert metric.value == pytest.approx(expected, abs=1e-12, nan_ok=True)
    assert bool(metric.reason) == np.isnan(expected)


@pytest.mark.parametrize("tau", [0.3, 1.0])
def test_uno_equals_scikit_survival_without_ties(untied, tau):
    train, test, risk = untied
    expected = concordance_index_ipcw(to_structured(*train), to_structured(*test), risk, tau=tau)[0]
    assert uno_c(train, test, risk, tau, n_resamples=0).value == pytest.approx(expected, abs=1e-12)


def test_uno_takes_the_left_limit_of_g_where_scikit_survival_does_not(untied):
    train, test, risk = untied
    binned = [Outcome(np.ceil(o.duration * 4), o.event) for o in (train, test)]
    theirs = concordance_index_ipcw(*(to_structured(*o) for o in binned), risk, tau=6)[0]
    ours = uno_c(*binned, risk, 6, n_resamples=0).value
    assert ours == pytest.approx(brute_force(*binned, risk, 6), abs=1e-12)
    assert abs(ours - theirs) > 1e-4


def test_auc_equals_scikit_survival_without_ties(untied):
    train, test, risk = untied
    keep = test.duration < train.duration[train.event].max()  # beyond it scikit-survival raises
    test, risk = Outcome(test.duration[keep], test.event[keep]), risk[keep]
    horizons = np.quantile(test.duration, [0.25, 0.5, 0.75])
    for score in (risk, np.round(risk)):
        expected = cumulative_dynamic_auc(to_structured(*train), to_structured(*test), score, horizons)[0]
        ours = [time_dependent_auc(train, test, score, t, n_resamples=0).value for t in horizons]
        np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_risk_is_higher_for_worse_and_never_flipped(untied):
    _, test, risk = untied
    assert harrell_c(test, risk).low > 0.6
    assert harrell_c(test, -risk).high < 0.4


def test_interval_holds_the_value_and_is_reproducible(cohort):
    metric = harrell_c(*cohort, seed=1)
    assert metric.low < metric.value < metric.high
    assert metric == harrell_c(*cohort, seed=1)


@pytest.mark.parametrize("event", [[False, False, False], [False, False, True]])
def test_no_comparable_pair_is_nan_with_a_reason(event):
    """scikit-survival raises, lifelines divides by zero."""
    test = Outcome(np.array([1.0, 2.0, 3.0]), np.array(event))
    metric = harrell_c(test, np.arange(3.0))
    assert np.isnan(metric.value)
    assert "no comparable pair" in metric.reason


def test_resamples_without_a_comparable_pair_are_counted():
    test = Outcome(np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, False, False, False]))
    metric = harrell_c(test, np.arange(4.0)[::-1], n_resamples=1000)
    assert metric.value == 1.0
    assert metric.n_failed / 1000 == pytest.approx(0.75**4, abs=0.05)


def test_undefined_inputs_are_named(untied):
    train, test, risk = untied
    broken = risk.copy()
    broken[:2] = np.nan
    assert "2 subject(s)" in harrell_c(test, broken).reason
    assert "no case or no control" in time_dependent_auc(train, test, risk, 1e9).reason
    all_censored = Outcome(np.full(5, 1e-6), np.zeros(5, dtype=bool))
    assert "later than the censoring" in uno_c(all_censored, test, risk, 1.0).reason
