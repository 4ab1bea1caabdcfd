"""All scores of a model on one fold: paired with the null model, and with a reason where they do not exist."""

from __future__ import annotations

import numpy as np
import pytest

from survembed.evaluation.pooled_scores import common_grid
from survembed.evaluation.predictions import Division, Predictions
from survembed.evaluation.scores import Scorer, horizons, without_scores
from survembed.survival.bootstrap import paired_difference
from survembed.survival.brier import integrated_brier_score
from survembed.survival.kaplan_meier import kaplan_meier_survival
from survembed.survival.outcome import Float, Outcome

N = 300
DIVISION = Division(np.arange(0, 200), np.arange(200, N))


def simulated() -> tuple[Outcome, Float]:
    """Exponential durations with log-hazards (N,)."""
    rng = np.random.default_rng(0)
    r = rng.normal(size=N)
    duration, censoring = rng.exponential(np.exp(-r)), rng.exponential(2.0, N)
    return Outcome(np.minimum(duration, censoring), duration <= censoring), r


def predictions(model: str, risk: Float, survival: Float) -> Predictions:
    return Predictions("z", model, DIVISION, 0, risk, survival)


def test_scores_of_one_fold_are_paired_with_the_null_model() -> None:
    outcome, r = simulated()
    times = common_grid(outcome, [DIVISION])
    development, test = (
        Outcome(outcome.duration[part], outcome.event[part]) for part in (np.arange(200), DIVISION.test)
    )
    km = kaplan_meier_survival(development, len(DIVISION.test), times)
    null = predictions("Kaplan-Meier", np.zeros(100), km)
    model = predictions("truth", r[200:], np.exp(-np.outer(np.exp(r[200:]), times)))
    scorer = Scorer(outcome, times, [[null]], DIVISION.test, n_resamples=100)
    assert scorer.ibs_null.value == pytest.approx(integrated_brier_score(development, test, km, times).value, abs=1e-12)
    scores = scorer.score("z", "truth", [[model]]).scores
    assert list(scores) == ["harrell_c", "uno_c", "ibs", "ibs_scaled"]
    aucs = scorer.auc(model)
    assert list(aucs) == [f"auc_{time:g}" for time in horizons(times)]
    for metric in (*scores.values(), *aucs.values()):
        assert metric.low < metric.value < metric.high
        assert metric.n_failed == 0
    assert scores["harrell_c"].value > 0.6
    difference = paired_difference(scorer.ibs_null, scores["ibs"])
    assert scores["ibs_scaled"].value == pytest.approx(1 - scores["ibs"].value / scorer.ibs_null.value)
    assert difference.value == pytest.approx(scores["ibs_scaled"].value * scorer.ibs_null.value)


def test_test_subjects_beyond_the_training_follow_up_have_a_rank_but_no_brier_score() -> None:
    outcome = Outcome(np.array([1.0, 2.0, 3.0, 10.0, 20.0, 30.0]), np.array([True, True, False, True, True, True]))
    division = Division(np.arange(3), np.arange(3, 6))
    times = common_grid(outcome, [division])
    assert len(times) == 0
    assert horizons(times) == []
    model = Predictions("z", "m", division, 0, np.arange(3.0), np.empty((3, 0)))
    scorer = Scorer(outcome, times, [[model]], division.test, n_resamples=10)
    scores = scorer.score("z", "m", [[model]]).scores
    assert scores["harrell_c"].value == 0.0
    for metric in (scorer.ibs_null, *(scores[name] for name in ("uno_c", "ibs", "ibs_scaled"))):
        assert "no time lies" in metric.reason


def test_a_model_without_scores_has_the_reason_in_each() -> None:
    cell = without_scores("z", "m", "singular matrix")
    assert {metric.reason for metric in cell.scores.values()} == {"singular matrix"}
    assert cell.notes == ("singular matrix",)
