"""All scores of one model: names, order, reasons, and the paired bootstrap between them."""

import numpy as np
import pytest
from sksurv.metrics import integrated_brier_score as sksurv_ibs

from survembed.evaluation.scores import evaluate_predictions
from survembed.survival.bootstrap import paired_difference
from survembed.survival.kaplan_meier import kaplan_meier_survival
from survembed.survival.outcome import Outcome
from survembed.survival.time_grid import time_grid
from tests.survival.cox_predictions import COHORTS, CoxPredictions


@pytest.fixture(params=COHORTS)
def case(request):
    return CoxPredictions(*COHORTS[request.param])


def test_test_times_beyond_training_follow_up_give_named_results():
    train = Outcome(np.array([1.0, 2.0, 3.0]), np.array([True, True, False]))
    test = Outcome(np.array([10.0, 20.0, 30.0]), np.array([True, True, True]))
    times = time_grid(train, test)
    assert len(times) == 0
    scores = evaluate_predictions(train, test, np.arange(3.0), np.empty((3, 0)), times)
    assert scores["harrell_c"].value == 0.0
    for name in ("uno_c", "ibs", "ibs_km", "ibs_scaled"):
        assert "no time lies" in scores[name].reason


def test_evaluate_predictions(case):
    horizons = np.quantile(case.test.duration, [0.3, 0.6])
    args = (case.train, case.test, case.risk)
    scores = evaluate_predictions(*args, case.survival, case.times, horizons=horizons)
    assert list(scores)[:5] == ["harrell_c", "uno_c", "ibs", "ibs_km", "ibs_scaled"]
    assert len(scores) == 7
    for metric in scores.values():
        assert metric.low < metric.value < metric.high, scores
        assert metric.n_failed == 0
    assert scores["harrell_c"].value > 0.6
    assert scores["ibs_scaled"].value == pytest.approx(1 - scores["ibs"].value / scores["ibs_km"].value)
    assert scores["ibs_scaled"].low > -0.05
    # Paired: the interval of the scaled score comes from the same resamples of both.
    difference = paired_difference(scores["ibs_km"], scores["ibs"])
    assert difference.value == pytest.approx(scores["ibs_scaled"].value * scores["ibs_km"].value)
    without = evaluate_predictions(*args, None, case.times, n_resamples=0)
    assert without["ibs"].reason == without["ibs_scaled"].reason == "the model has no survival function"
    assert without["ibs_km"].value == scores["ibs_km"].value


def test_null_model_is_the_training_kaplan_meier(case):
    survival = kaplan_meier_survival(case.train, 4, case.times)
    assert survival.shape == (4, 100)
    expected = evaluate_predictions(case.train, case.test, case.risk, None, case.times)["ibs_km"].value
    null = kaplan_meier_survival(case.train, len(case.risk), case.times)
    assert expected == pytest.approx(sksurv_ibs(*case.structured, null, case.times), abs=1e-12)
