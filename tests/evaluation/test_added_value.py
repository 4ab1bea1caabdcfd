"""What the image adds to the covariates: identities, brute force and planted truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from scipy.stats import chi2, spearmanr

from survembed.evaluation.added_value import partial_spearman
from survembed.evaluation.pooled_scores import pooled_auc
from survembed.evaluation.predictions import Division, Predictions
from survembed.survival.concordance import time_dependent_auc
from survembed.survival.cox_newton import fit_cox
from survembed.survival.outcome import Outcome


@pytest.fixture
def planted() -> tuple[np.ndarray, Outcome]:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 2))
    life, limit = rng.exponential(np.exp(-x.sum(axis=1))), rng.exponential(2, 200)
    return x, Outcome(np.minimum(life, limit), life < limit)


def test_one_fold_gives_the_auc_of_a_single_test_set(planted: tuple[np.ndarray, Outcome]) -> None:
    x, outcome = planted
    development, test = np.arange(100), np.arange(100, 200)
    fold = Predictions("f", "m", Division(development, test), 0, x[test, 0], np.empty((100, 0)))
    train, tested = (Outcome(outcome.duration[part], outcome.event[part]) for part in (development, test))
    theirs = time_dependent_auc(train, tested, x[test, 0], 0.5, n_resamples=50)
    ours = pooled_auc(outcome, [[fold]], 0.5, subjects=test, n_resamples=50)
    assert ours.value == pytest.approx(theirs.value)
    np.testing.assert_allclose(ours.samples, theirs.samples)


def test_pairs_of_two_folds_are_not_compared(planted: tuple[np.ndarray, Outcome]) -> None:
    x, outcome = planted
    halves, none = [np.arange(100), np.arange(100, 200)], np.empty((100, 0))
    divisions = [Division(halves[1 - part], halves[part], 0, part) for part in (0, 1)]
    folds = [Predictions("f", "m", of, 0, x[of.test, 0] + 50 * of.fold, none) for of in divisions]
    same = [Predictions(f.features, f.model, f.division, 0, x[f.division.test, 0], f.survival) for f in folds]
    values = [pooled_auc(outcome, [each], 0.5, subjects=np.arange(200), n_resamples=0).value for each in (folds, same)]
    assert values[0] == pytest.approx(values[1])


def test_strata_have_their_own_baseline_as_in_lifelines(planted: tuple[np.ndarray, Outcome]) -> None:
    x, (duration, event) = planted
    strata = np.repeat([0, 1, 2, 3], 50)
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(t=duration * (1 + strata), e=event.astype(int), s=strata)
    theirs = CoxPHFitter().fit(frame, "t", "e", strata="s", fit_options={"precision": 1e-12})
    ours = fit_cox(x, frame["t"].to_numpy(), event, strata=strata)
    np.testing.assert_allclose(ours.coefficients, theirs.params_, rtol=1e-6)
    np.testing.assert_allclose(ours.standard_errors, theirs.standard_errors_, rtol=1e-6)
    alone = CoxPHFitter().fit(frame[["a", "t", "e", "s"]], "t", "e", strata="s", fit_options={"precision": 1e-12})
    statistic = 2 * (theirs.log_likelihood_ - alone.log_likelihood_)
    mine = 2 * (ours.log_likelihood - fit_cox(x[:, :1], frame["t"].to_numpy(), event, strata=strata).log_likelihood)
    assert mine == pytest.approx(statistic, rel=1e-6)
    assert chi2.sf(mine, 1) < 1e-6


def test_partial_correlation_given_one_column_is_the_textbook_formula() -> None:
    rng = np.random.default_rng(0)
    given = rng.normal(size=80)
    a, b = given + rng.normal(size=80), given + rng.normal(size=80)
    ab, ag, bg = (spearmanr(*pair).statistic for pair in ((a, b), (a, given), (b, given)))
    expected = (ab - ag * bg) / np.sqrt((1 - ag**2) * (1 - bg**2))
    assert partial_spearman(a, b, given[:, None]).value == pytest.approx(expected)
    plain = partial_spearman(a, b, np.empty((80, 0)))
    assert plain.value == pytest.approx(ab)
    assert plain.low < plain.value < plain.high


def test_intervals_of_the_partial_correlation_cover() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        given = rng.normal(size=(60, 1))
        metric = partial_spearman(given[:, 0] + rng.normal(size=60), given[:, 0] + rng.normal(size=60), given)
        covered += metric.low < 0 < metric.high
    assert 370 <= covered <= 396  # partial ρ is about 0


def test_a_constant_risk_has_no_correlation() -> None:
    metric = partial_spearman(np.ones(30), np.arange(30.0), np.empty((30, 0)))
    assert np.isnan(metric.value)
    assert "does not vary" in metric.reason
