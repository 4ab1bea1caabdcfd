"""Any scikit-survival estimator as a downstream model: risk, and S(t) on chosen times."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import kendalltau
from sklearn.pipeline import make_pipeline
from sksurv.ensemble import ComponentwiseGradientBoostingSurvivalAnalysis, GradientBoostingSurvivalAnalysis
from sksurv.linear_model import CoxPHSurvivalAnalysis, IPCRidge
from sksurv.tree import SurvivalTree as SksurvTree

from survembed.downstream import RSF, SSVM, Coxnet, CoxPH, SurvivalTree
from survembed.downstream.base import fit_downstream
from survembed.errors import DataError
from survembed.survival.concordance import harrell_c
from survembed.survival.kaplan_meier import kaplan_meier
from survembed.survival.outcome import Outcome
from survembed.survival.scaler import LatentScaler

BUILT_IN = [CoxPH, RSF, Coxnet, SSVM, SurvivalTree]
THIRD_PARTY = {
    "gbsa": lambda: GradientBoostingSurvivalAnalysis(n_estimators=20, random_state=0),
    "componentwise-gbsa": lambda: ComponentwiseGradientBoostingSurvivalAnalysis(random_state=0),
    "pipeline": lambda: make_pipeline(LatentScaler(), CoxPHSurvivalAnalysis()),
    "tree": lambda: SksurvTree(min_samples_leaf=20, random_state=0),
    "ipcridge": lambda: IPCRidge(),
}
ESTIMATORS = {**{kind.__name__: lambda kind=kind: kind().build(0) for kind in BUILT_IN}, **THIRD_PARTY}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_risk_and_survival_of_any_estimator(latents, name):
    train, test = np.arange(300) < 200, np.arange(300) >= 200
    outcome = Outcome(*(a[train] for a in latents.outcome))
    model = fit_downstream(ESTIMATORS[name](), latents.z[train], outcome)
    risk = model.risk(latents.z[test])
    assert harrell_c(Outcome(*(a[test] for a in latents.outcome)), risk, n_resamples=0).value > 0.65

    first, last = outcome.duration[outcome.event].min(), outcome.duration.max()
    times = np.r_[0.0, first * 0.999, np.linspace(first, last, 50), last * 1.01]
    survival = model.survival(latents.z[test], times)
    assert survival.shape == (100, 53)
    assert (survival[:, :2] == 1).all()  # scikit-survival gives S of the first event time
    assert np.isnan(survival[:, -1]).all()  # and raises beyond the last
    assert ((survival[:, :-1] >= 0) & (survival[:, :-1] <= 1)).all()
    assert (np.diff(survival[:, :-1], axis=1) <= 1e-12).all()
    middle = survival[:, np.searchsorted(times, np.median(outcome.duration))]
    assert kendalltau(risk, -middle).statistic > 0.6


@pytest.mark.parametrize("name", ["gbsa", "tree", "pipeline"])
def test_blocks_of_subjects_change_nothing(latents, name, monkeypatch):
    model = fit_downstream(ESTIMATORS[name](), latents.z, latents.outcome)
    times = np.linspace(1, 100, 9)
    expected = model.survival(latents.z, times)
    monkeypatch.setattr("survembed.downstream.base._BLOCK", 1000)
    np.testing.assert_allclose(model.survival(latents.z, times), expected, atol=1e-12)
    assert model.survival(latents.z[:0], times).shape == (0, 9)


def test_survival_equals_scikit_survival_inside_its_range(latents):
    estimator = CoxPHSurvivalAnalysis()
    model = fit_downstream(estimator, latents.z, latents.outcome)
    times = np.linspace(latents.outcome.duration.min(), latents.outcome.duration.max(), 40)
    expected = [[f(t) for t in times] for f in estimator.predict_survival_function(latents.z[:10])]
    np.testing.assert_allclose(model.survival(latents.z[:10], times), expected, atol=1e-12)


def test_a_ranking_gets_calibrated_survival_functions(latents):
    """The scale of a support vector machine's score is arbitrary; S(t) must not depend on it."""
    model = fit_downstream(SSVM().build(0), latents.z, latents.outcome)
    km = kaplan_meier(*latents.outcome)
    times = np.quantile(latents.outcome.duration, [0.2, 0.5, 0.8])
    np.testing.assert_allclose(model.survival(latents.z, times).mean(axis=0), km(times), atol=0.04)


@pytest.mark.parametrize("kind", BUILT_IN)
def test_collapsed_latents_are_never_a_traceback(latents, kind):
    z = latents.z.copy()
    z[:, 1] = 7.0
    z[:, 3] = 2 * z[:, 0] - 1
    model = fit_downstream(kind().build(0), z, latents.outcome)
    assert harrell_c(latents.outcome, model.risk(z), n_resamples=0).value > 0.65
    if kind in (CoxPH, Coxnet, SSVM):
        assert model.dropped == {1: "constant (7)", 3: "a linear combination of dimensions 0, 2"}


@pytest.mark.parametrize("kind", BUILT_IN)
def test_all_latents_dead_is_the_null_model(latents, kind):
    model = fit_downstream(kind().build(0), np.full((300, 4), 0.25), latents.outcome)
    risk = model.risk(np.random.default_rng(0).normal(size=(5, 4)))
    assert len(set(risk)) == 1
    times = np.quantile(latents.outcome.duration, [0.2, 0.5, 0.8])
    km = kaplan_meier(*latents.outcome)
    np.testing.assert_allclose(model.survival(np.zeros((1, 4)), times)[0], km(times), atol=0.03)


def test_what_an_estimator_warns_of_is_kept(latents):
    model = fit_downstream(Coxnet(alpha=100).build(0), latents.z, latents.outcome)
    assert model.notes == ("all coefficients are zero, consider decreasing alpha.",)
    assert fit_downstream(CoxPH().build(0), latents.z, latents.outcome).notes == ()


@pytest.mark.parametrize("kind", [RSF, SSVM, SurvivalTree])
def test_same_seed_same_risk(latents, kind):
    risks = [fit_downstream(kind().build(3), latents.z, latents.outcome).risk(latents.z) for _ in range(2)]
    assert np.array_equal(*risks)


def test_what_cannot_be_fitted_is_a_named_error(latents):
    censored = Outcome(latents.outcome.duration, np.zeros(300, dtype=bool))
    with pytest.raises(DataError, match=r"0 event\(s\): too few to fit CoxPHEstimator"):
        fit_downstream(CoxPH().build(0), latents.z, censored)
    broken = latents.z.copy()
    broken[5, 2] = np.nan
    with pytest.raises(DataError, match=r"1 training subject\(s\) have latents that are not finite"):
        fit_downstream(RSF().build(0), broken, latents.outcome)
    with pytest.raises(DataError, match="could not be fitted"):
        fit_downstream(CoxPHSurvivalAnalysis(ties="none"), latents.z, latents.outcome)


def test_the_room_is_light():
    """Help must not wait for numpy, scikit-learn or scikit-survival."""
    code = "import sys, survembed.downstream as d; d.RSF(); print({'numpy', 'sklearn', 'sksurv'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
