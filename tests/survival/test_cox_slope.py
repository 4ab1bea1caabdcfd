"""Coefficient of a Cox model with one covariate against scikit-survival."""

import numpy as np
import pytest
from sksurv.datasets import load_whas500
from sksurv.linear_model import CoxPHSurvivalAnalysis

from survembed.survival.cox_slope import cox_slope
from survembed.survival.outcome import from_structured


def test_cox_slope_equals_scikit_survival_on_a_resample():
    x, y = load_whas500()
    age = x["age"].to_numpy(float)
    draw = np.random.default_rng(0).integers(len(age), size=len(age))
    weight = np.column_stack([np.ones(len(age)), np.bincount(draw, minlength=len(age))])
    slopes = cox_slope(age, *from_structured(y), weight)
    for take, slope in zip([np.arange(len(age)), draw], slopes, strict=True):
        fit = CoxPHSurvivalAnalysis(tol=1e-12).fit(age[take, None], y[take])
        assert slope == pytest.approx(fit.coef_[0], rel=1e-6)


def test_cox_slope_is_nan_where_there_is_none():
    duration = np.arange(1.0, 7.0)
    event = np.ones(6, dtype=bool)
    assert np.isnan(cox_slope(-duration, duration, event)).all()  # separates perfectly
    assert np.isnan(cox_slope(np.ones(6), duration, event)).all()
    assert np.isnan(cox_slope(duration, duration, ~event)).all()
