"""Pooled out-of-fold scores: against brute force, and indifferent to the scale of a fold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from survembed.evaluation.pooled_scores import common_grid, pooled_scores
from survembed.evaluation.predictions import Division, Predictions
from survembed.survival.brier import integrated_brier_score
from survembed.survival.concordance import harrell_c, uno_c
from survembed.survival.outcome import Float, Outcome

N = 60


@pytest.fixture
def outcome() -> Outcome:
    rng = np.random.default_rng(0)
    return Outcome(rng.integers(1, 25, N).astype(float), rng.random(N) < 0.6)


def folds_of(outcome: Outcome, n_folds: int, times: Float, shift: float = 0.0, seed: int = 0) -> list[Predictions]:
    rng = np.random.default_rng(seed)
    risk = -outcome.duration + rng.normal(size=N) * 8
    found = []
    for fold in range(n_folds):
        test = np.flatnonzero(np.arange(N) % n_folds == fold)
        train = np.flatnonzero(np.arange(N) % n_folds != fold)
        survival = np.exp(-np.outer(np.exp(risk[test] / 20), times / 12))
        found.append(Predictions("f", "m", Division(train, test, 0, fold), seed, risk[test] + shift * fold, survival))
    return found


def by_hand(outcome: Outcome, folds: list[Predictions]) -> float:
    concordant = comparable = 0.0
    for fold in folds:
        for a, i in enumerate(fold.division.test):
            for b, j in enumerate(fold.division.test):
                earlier = outcome.duration[i] < outcome.duration[j]
                same = outcome.duration[i] == outcome.duration[j] and not outcome.event[j]
                if outcome.event[i] and (earlier or same) and i != j:
                    comparable += 1
                    difference = fold.risk[a] - fold.risk[b]
                    concordant += 1.0 if difference > 0 else 0.5 if difference == 0 else 0.0
    return concordant / comparable


def test_pairs_are_compared_within_folds_and_pooled_over_them(outcome: Outcome) -> None:
    times = np.linspace(2, 20, 30)
    folds = folds_of(outcome, 5, times)
    scored = pooled_scores(outcome, [folds], times, n_resamples=0)
    assert scored.metrics["harrell_c"].value == pytest.approx(by_hand(outcome, folds), abs=1e-12)


def test_a_shift_of_a_whole_fold_changes_nothing(outcome: Outcome) -> None:
    times = np.linspace(2, 20, 30)
    plain, shifted = (
        pooled_scores(outcome, [folds_of(outcome, 4, times, shift)], times, n_resamples=50).metrics["harrell_c"]
        for shift in (0.0, 1000.0)
    )
    assert plain == shifted
    np.testing.assert_array_equal(plain.samples, shifted.samples)


def test_one_fold_gives_the_metrics_of_the_single_test_part(outcome: Outcome) -> None:
    times = np.linspace(2, 20, 30)
    fold = folds_of(outcome, 3, times)[0]
    train, test = (
        Outcome(outcome.duration[part], outcome.event[part]) for part in (fold.division.development, fold.division.test)
    )
    options: dict[str, Any] = {"n_resamples": 40, "seed": 3}
    scored = pooled_scores(outcome, [[fold]], times, **options).metrics
    for name, alone in (
        ("harrell_c", harrell_c(test, fold.risk, **options)),
        ("uno_c", uno_c(train, test, fold.risk, times[-1], **options)),
        ("ibs", integrated_brier_score(train, test, fold.survival, times, **options)),
    ):
        assert scored[name].value == pytest.approx(alone.value, abs=1e-12)
        np.testing.assert_allclose(scored[name].samples, alone.samples, atol=1e-12)


def test_replicates_are_averaged_and_kept_apart(outcome: Outcome) -> None:
    times = np.linspace(2, 20, 30)
    replicates = [folds_of(outcome, 5, times, seed=seed) for seed in range(3)]
    scored = pooled_scores(outcome, replicates, times, n_resamples=30)
    for name in ("harrell_c", "ibs"):
        assert scored.metrics[name].value == pytest.approx(scored.replicates[name].mean())
        assert len(scored.replicates[name]) == 3
        assert scored.metrics[name].low < scored.metrics[name].value < scored.metrics[name].high
    assert scored.replicates["harrell_c"][1] == pytest.approx(by_hand(outcome, replicates[1]))


def test_models_of_other_test_parts_are_paired_where_they_draw_from_the_same_subjects(outcome: Outcome) -> None:
    times = np.linspace(2, 20, 30)
    one, other, _ = ([fold] for fold in folds_of(outcome, 3, times))
    options: dict[str, Any] = {"n_resamples": 40, "subjects": np.arange(N)}
    alone, second, both = (
        pooled_scores(outcome, replicates, times, **options).metrics for replicates in ([one], [other], [one, other])
    )
    for name in ("harrell_c", "uno_c", "ibs"):
        np.testing.assert_allclose(both[name].samples, (alone[name].samples + second[name].samples) / 2)


def test_a_fold_without_events_adds_no_pair(outcome: Outcome) -> None:
    times = np.linspace(2, 20, 30)
    folds = folds_of(outcome, 3, times)
    event = outcome.event.copy()
    event[folds[0].division.test] = False
    quiet = Outcome(outcome.duration, event)
    scored = pooled_scores(quiet, [folds], times, n_resamples=20)
    assert scored.metrics["harrell_c"].value == pytest.approx(by_hand(quiet, folds[1:]))
    assert np.isfinite(scored.metrics["ibs"].value)


def test_what_cannot_be_scored_says_why(outcome: Outcome) -> None:
    times = np.linspace(2, 20, 30)
    folds = folds_of(outcome, 3, times)
    censored = pooled_scores(Outcome(outcome.duration, np.zeros(N, bool)), [folds], times, n_resamples=10).metrics
    assert "no comparable pair" in censored["harrell_c"].reason
    gridless = pooled_scores(outcome, [folds], np.empty(0), n_resamples=10).metrics
    assert "no time lies" in gridless["ibs"].reason
    assert "no time lies" in gridless["uno_c"].reason
    folds[1].risk[0] = np.nan
    assert "finite" in pooled_scores(outcome, [folds], times, n_resamples=10).metrics["harrell_c"].reason


def test_the_grid_ends_where_the_first_training_part_does(outcome: Outcome) -> None:
    short = np.flatnonzero(outcome.duration < 10)
    long = np.flatnonzero(outcome.duration >= 10)
    both = common_grid(outcome, [Division(short, long), Division(np.arange(N), long)])
    assert len(both) == 0 or both[-1] < 10
    assert common_grid(outcome, [Division(np.arange(N), np.arange(N))])[-1] > 10
