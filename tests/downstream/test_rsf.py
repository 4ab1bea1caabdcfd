"""The forest against scikit-survival's own where that fits, and its memory where that does not."""

import tracemalloc

import numpy as np
import pytest
from sklearn.base import clone
from sksurv.datasets import load_gbsg2
from sksurv.ensemble import RandomSurvivalForest
from sksurv.tree import SurvivalTree

from survembed.downstream.base import fit_downstream
from survembed.downstream.rsf import SurvivalForest, memory_estimate, round_to_quantiles
from survembed.errors import DataError
from survembed.survival.concordance import harrell_c
from survembed.survival.outcome import Outcome, from_structured, to_structured

OPTIONS = {"min_samples_split": 10, "min_samples_leaf": 5, "random_state": 0}


def gbsg2():
    x, y = load_gbsg2()
    return x[["age", "estrec", "pnodes", "progrec", "tsize"]].to_numpy(np.float32), y


@pytest.mark.parametrize("bootstrap", [True, False])
@pytest.mark.parametrize("cohort", ["whas500", "gbsg2"])
def test_identical_to_scikit_survival(whas500, cohort, bootstrap):
    x, y = whas500[:2] if cohort == "whas500" else gbsg2()
    theirs = RandomSurvivalForest(20, bootstrap=bootstrap, **OPTIONS).fit(x, y)
    ours = SurvivalForest(20, bootstrap=bootstrap, n_times=10**6, n_jobs=2, **OPTIONS).fit(x, y)
    assert np.array_equal(ours.predict(x), theirs.predict(x))
    survival = ours.predict_survival_at(x, theirs.unique_times_)
    assert np.array_equal(survival, theirs.predict_survival_function(x, return_array=True))


def test_single_tree_is_identical_to_scikit_survival(whas500):
    x, y, _ = whas500
    theirs = SurvivalTree(max_depth=4, random_state=0).fit(x, y)
    options = {"max_features": None, "min_samples_split": 6, "min_samples_leaf": 3, "max_depth": 4}
    ours = SurvivalForest(1, bootstrap=False, n_times=10**6, random_state=0, **options).fit(x, y)
    expected = theirs.predict_survival_function(x, return_array=True)
    # The forest hands its tree another seed, so equally good splits may differ: compare where the trees agree.
    same = np.isclose(ours.predict(x), theirs.predict(x))
    assert same.mean() > 0.9
    assert np.array_equal(ours.predict_survival_at(x, theirs.unique_times_)[same], expected[same])


def test_coarse_times_leave_the_risk_and_survival_nearly_unchanged():
    x, y = gbsg2()
    outcome = from_structured(y)
    fine, coarse = (SurvivalForest(50, n_times=n, n_jobs=2, **OPTIONS).fit(x, y) for n in (10**6, 100))
    assert len(fine.unique_times_) == len(np.unique(outcome.duration[outcome.event])) == 270
    assert len(coarse.unique_times_) <= 100
    c = [harrell_c(outcome, forest.predict(x), n_resamples=0).value for forest in (fine, coarse)]
    assert c[0] == pytest.approx(c[1], abs=0.01)
    times = np.linspace(100, 2000, 30)
    difference = fine.predict_survival_at(x, times) - coarse.predict_survival_at(x, times)
    assert np.abs(difference).mean() < 0.02


@pytest.mark.filterwarnings("ignore:no tree has a split")
def test_survival_functions_keep_exact_durations():
    """With one leaf the curve is the Kaplan–Meier curve of all, however coarse the times the tree saw."""
    from survembed.survival.kaplan_meier import kaplan_meier

    rng = np.random.default_rng(0)
    outcome = Outcome(rng.exponential(size=300), rng.random(300) < 0.6)
    options = {"bootstrap": False, "min_samples_leaf": 300, "n_times": 10}
    forest = SurvivalForest(1, **options).fit(rng.normal(size=(300, 2)), to_structured(*outcome))
    times = rng.uniform(0, outcome.duration.max(), 100)  # in any order
    survival = forest.predict_survival_at(np.zeros((1, 2)), times)[0]
    np.testing.assert_allclose(survival, kaplan_meier(*outcome)(times), atol=1e-12)


def test_subjects_drawn_for_a_tree_are_limited():
    x, y = gbsg2()
    forest = SurvivalForest(20, max_samples=100, **OPTIONS).fit(x, y)
    assert {len(sample) for sample in forest.forest_.estimators_samples_} == {100}
    theirs = RandomSurvivalForest(20, max_samples=100, **OPTIONS).fit(x, y)
    survival = forest.predict_survival_at(x, theirs.unique_times_)
    known = theirs.predict_survival_function(x, return_array=True)
    # Only rounding of the times the trees see separates the two: 270 event times, of which 200 are kept.
    assert np.abs(survival - known).mean() < 0.02
    exact = SurvivalForest(20, max_samples=100, n_times=10**6, **OPTIONS).fit(x, y)
    assert np.array_equal(exact.predict_survival_at(x, theirs.unique_times_), known)


def test_rounding_keeps_events_and_order():
    rng = np.random.default_rng(0)
    outcome = Outcome(rng.exponential(size=1000), rng.random(1000) < 0.5)
    coarse = round_to_quantiles(outcome, 50)
    times = np.unique(coarse.duration)
    assert len(times) <= 50
    assert np.isin(times, outcome.duration[outcome.event]).all()
    order = np.argsort(outcome.duration)
    assert (np.diff(coarse.duration[order]) >= 0).all()
    seen = outcome.event
    assert (coarse.duration[seen] >= outcome.duration[seen]).all()
    counts = np.unique(coarse.duration[seen], return_counts=True)[1]
    assert counts.max() <= 2 * seen.sum() / 50
    assert round_to_quantiles(outcome, 1000) is outcome


def test_memory_stays_below_the_estimate():
    """3,000 distinct times: scikit-survival would need nodes x times x 16 bytes, 38 MB for each tree."""
    rng = np.random.default_rng(0)
    n, n_times = 3000, 200
    x = rng.normal(size=(n, 4)).astype(np.float32)
    y = to_structured(rng.exponential(np.exp(-x[:, 0])), np.ones(n, dtype=bool))
    tracemalloc.start()
    forest = SurvivalForest(10, n_times=50, **OPTIONS).fit(x, y)
    forest.predict_survival_at(x, np.linspace(0.1, 2, n_times))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    estimate = memory_estimate(n, n, n_times, n_estimators=10, min_samples_leaf=5)
    assert peak < estimate + 4 * x.nbytes
    assert estimate < 5 * peak


def test_a_forest_that_does_not_fit_into_memory_is_not_begun(latents, monkeypatch):
    few, many = (SurvivalForest(trees, **OPTIONS) for trees in (10, 10_000))
    assert few.memory_estimate(300) < many.memory_estimate(300) / 10
    monkeypatch.setattr("survembed.downstream.base._memory", lambda: 20e6)
    fit_downstream(few, latents.z, latents.outcome)
    with pytest.raises(DataError, match=r"SurvivalForest would need .* GB for 300 subjects"):
        fit_downstream(many, latents.z, latents.outcome)
    assert not hasattr(many, "forest_")


def test_a_forest_that_cannot_split_says_so(latents):
    """25 subjects are less than two leaves of 15: C would be 0.500 without a warning."""
    few = Outcome(latents.outcome.duration[:25], latents.outcome.event[:25])
    (note,) = fit_downstream(SurvivalForest(5, random_state=0), latents.z[:25], few).notes
    assert note.startswith("no tree has a split, so all risks are equal: 25 subjects")
    assert fit_downstream(SurvivalForest(5, random_state=0), latents.z, latents.outcome).notes == ()


def test_scikit_learn_conventions(latents):
    y = to_structured(*latents.outcome)
    model = SurvivalForest(5, min_samples_leaf=9, random_state=1)
    assert clone(model).get_params() == model.get_params()
    model.fit(latents.z, y)
    assert model.score(latents.z, y) > 0.75
    with pytest.raises(ValueError, match="features"):
        model.predict(latents.z[:, :2])
    functions, array = (model.predict_survival_function(latents.z[:3], return_array=a) for a in (False, True))
    assert array.shape == (3, len(model.unique_times_))
    assert np.array_equal(np.array([f(f.x) for f in functions]), array)
