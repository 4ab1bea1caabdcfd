"""The times at which survival functions are scored."""

import numpy as np
import pytest

from survembed.survival.kaplan_meier import censoring_survival
from survembed.survival.outcome import Outcome
from survembed.survival.time_grid import time_grid
from tests.survival.cox_predictions import COHORTS, CoxPredictions


@pytest.fixture(params=COHORTS)
def case(request):
    return CoxPredictions(*COHORTS[request.param])


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


@pytest.mark.parametrize("n", range(20, 420, 20))
def test_grid_ends_where_the_censoring_survival_is_exactly_at_the_limit(n):
    """Of n distinct censorings G is 0.05 at 0.95 n; rounding moved the end to the next one, for most n."""
    train = Outcome(np.arange(1.0, n + 1), np.zeros(n, dtype=bool))
    test = Outcome(np.linspace(0.5, 2 * n, 100), np.ones(100, dtype=bool))
    assert time_grid(train, test)[-1] == np.nextafter(0.95 * n, 0)


def test_grid_is_empty_where_test_times_are_beyond_the_training_follow_up():
    train = Outcome(np.array([1.0, 2.0, 3.0]), np.array([True, True, False]))
    assert len(time_grid(train, Outcome(np.array([10.0, 20.0, 30.0]), np.ones(3, dtype=bool)))) == 0
