"""The bootstrap against resamples drawn one by one."""

import numpy as np
import pytest

from survembed.survival.bootstrap import Metric, bootstrap, paired_difference, with_interval


def weighted_mean(x):
    return lambda weight: x @ weight / weight.sum(axis=0)


def test_interval_of_a_mean_is_the_textbook_one():
    x = np.random.default_rng(0).normal(size=400)
    metric = bootstrap(weighted_mean(x), 400, n_resamples=4000)
    half_width = 1.96 * x.std() / 20
    assert metric.value == pytest.approx(x.mean())
    assert (metric.low, metric.high) == pytest.approx((x.mean() - half_width, x.mean() + half_width), abs=0.01)
    assert metric.n_failed == 0


def test_blocks_do_not_change_the_resamples(monkeypatch):
    x = np.random.default_rng(0).normal(size=50)
    whole = bootstrap(weighted_mean(x), 50, seed=3)
    monkeypatch.setattr("survembed.survival.bootstrap._CHUNK", 50 * 7)
    pieces = bootstrap(weighted_mean(x), 50, seed=3)
    np.testing.assert_allclose(pieces.samples, whole.samples, rtol=1e-12)
    assert not np.array_equal(bootstrap(weighted_mean(x), 50, seed=4).samples, whole.samples)


def test_failed_resamples_are_counted_and_left_out():
    """Defined only where subject 0 is drawn at least once: in 1 - 1/e of the resamples."""
    metric = bootstrap(lambda weight: np.where(weight[0] > 0, 1.0, np.nan), 100, n_resamples=1000)
    assert (metric.value, metric.low, metric.high) == (1.0, 1.0, 1.0)
    assert metric.n_failed / 1000 == pytest.approx(np.exp(-1), abs=0.05)
    assert metric.to_dict()["n_failed"] == metric.n_failed


def test_undefined_value_says_why():
    metric = bootstrap(lambda weight: np.full(weight.shape[1], np.nan), 10, reason="nothing to count")
    assert metric.to_dict() == {"value": None, "low": None, "high": None, "reason": "nothing to count"}
    assert not metric.excludes_zero
    assert bootstrap(weighted_mean(np.empty(0)), 0).reason == "no subjects"


def test_pairing_makes_differences_sharper():
    """Two measurements of the same subjects, 0.1 apart: alone they overlap, their paired difference excludes zero."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    a = bootstrap(weighted_mean(x + 0.1 + rng.normal(size=300) / 20), 300)
    b = bootstrap(weighted_mean(x), 300)
    assert a.low < b.high
    difference = paired_difference(a, b)
    assert difference.value == pytest.approx(0.1, abs=0.01)
    assert difference.excludes_zero
    assert not paired_difference(b, b).excludes_zero


def test_difference_with_an_undefined_metric_keeps_the_reason():
    good = bootstrap(weighted_mean(np.ones(5)), 5)
    missing = Metric(np.nan, reason="no survival function")
    assert paired_difference(good, missing).reason == "no survival function"


def test_nothing_is_printed_as_minus_zero():
    assert with_interval(Metric(-0.0001, -0.0004, 0.2)) == "0.000 (0.000 to 0.200)"
    assert with_interval(Metric(-0.001, -0.02, -0.0)) == "-0.001 (-0.020 to 0.000)"
