"""The Cox model on latents against scikit-survival and lifelines."""

import numpy as np
import pytest
from lifelines import CoxPHFitter
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sksurv.linear_model import CoxPHSurvivalAnalysis

from survembed.downstream.coxph import CoxPHEstimator
from survembed.survival.outcome import to_structured


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_equals_scikit_survival(whas500, ties):
    x, y, _ = whas500
    ours = CoxPHEstimator(ridge=1e-9, ties=ties).fit(x, y)
    theirs = CoxPHSurvivalAnalysis(ties=ties, tol=1e-12).fit(x.astype(float), y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.ptp(ours.predict(x) - theirs.predict(x)), 0, atol=1e-3)
    expected = theirs.predict_survival_function(x[:20], return_array=True)
    survival = ours.predict_survival_at(x[:20], theirs.unique_times_)
    np.testing.assert_allclose(survival, expected, atol=1e-4)


def test_equals_lifelines_with_its_penalty(latents):
    import pandas as pd

    frame = pd.DataFrame(latents.z.astype(float)).rename(columns=str)
    frame = (frame - frame.mean()) / frame.std(ddof=0)
    duration, event = latents.outcome
    reference = CoxPHFitter().fit(frame.assign(t=duration, e=event), "t", "e")
    ours = CoxPHEstimator().fit(latents.z, to_structured(duration, event))
    np.testing.assert_allclose(ours.coef_ * latents.z.std(axis=0), reference.params_, atol=5e-3)
    assert ours.coef_[0] == pytest.approx(1, abs=0.25)


def test_coefficients_are_per_unit_and_zero_where_dropped(latents):
    z = np.column_stack([latents.z, np.ones(300)])
    y = to_structured(*latents.outcome)
    ours = CoxPHEstimator().fit(z, y)
    np.testing.assert_allclose(ours.predict(z), (z - z.mean(axis=0)) @ ours.coef_, atol=1e-6)
    assert ours.coef_[4] == 0
    assert ours.dropped_ == {4: "constant (1)"}
    np.testing.assert_allclose(ours.predict(z), CoxPHEstimator().fit(latents.z, y).predict(latents.z), atol=1e-9)


def test_perfect_separation_stays_finite():
    z = np.linspace(-1, 1, 40)[:, None]
    y = to_structured(np.arange(40.0)[::-1] + 1, np.ones(40, dtype=bool))
    model = CoxPHEstimator().fit(z, y)
    assert np.isfinite(model.coef_).all()
    assert model.score(z, y) == 1.0


def test_scikit_learn_conventions(latents):
    y = to_structured(*latents.outcome)
    model = CoxPHEstimator(ridge=2.0)
    assert clone(model).get_params() == {"ridge": 2.0, "ties": "breslow"}
    with pytest.raises(NotFittedError):
        model.predict(latents.z)
    assert cross_val_score(model, latents.z, y, cv=3).mean() > 0.7
    with pytest.raises(ValueError, match="features"):
        model.fit(latents.z, y).predict(latents.z[:, :2])
    functions, array = (model.predict_survival_function(latents.z[:3], return_array=a) for a in (False, True))
    assert np.array_equal(np.array([f(f.x) for f in functions]), array)
