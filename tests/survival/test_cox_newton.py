"""Unpenalised Cox coefficients beside an offset: lifelines, and identities of the likelihood."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from lifelines import CoxPHFitter

from survembed.survival.cox_loss import cox_loss
from survembed.survival.cox_newton import fit_cox


@pytest.fixture
def planted() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=300), rng.random(300) < 0.3])
    life, limit = rng.exponential(np.exp(-x @ [0.7, -0.5])), rng.exponential(2, 300)
    return x, np.ceil(20 * np.minimum(life, limit)), life < limit


def test_coefficients_errors_and_likelihood_equal_those_of_lifelines(planted: tuple[np.ndarray, ...]) -> None:
    x, duration, event = planted
    assert len(np.unique(duration)) < 100  # with ties
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(t=duration, e=event.astype(int))
    theirs = CoxPHFitter().fit(frame, "t", "e", fit_options={"precision": 1e-12})  # Efron's ties
    ours = fit_cox(x, duration, event, ties="efron")
    np.testing.assert_allclose(ours.coefficients, theirs.params_, rtol=1e-6)
    np.testing.assert_allclose(ours.standard_errors, theirs.standard_errors_, rtol=1e-6)
    ratio = 2 * (ours.log_likelihood - ours.log_likelihood_null)
    assert ratio == pytest.approx(theirs.log_likelihood_ratio_test().test_statistic, rel=1e-6)
    assert ours.converged


def test_an_offset_is_a_column_whose_coefficient_is_fixed(planted: tuple[np.ndarray, ...]) -> None:
    x, duration, event = planted
    both = fit_cox(x, duration, event)
    beside = fit_cox(x[:, 1:], duration, event, offset=x[:, 0] * both.coefficients[0])
    assert beside.coefficients[0] == pytest.approx(both.coefficients[1], abs=1e-4)
    assert beside.log_likelihood == pytest.approx(both.log_likelihood)


def test_within_no_grad_and_far_offsets(planted: tuple[np.ndarray, ...]) -> None:
    x, duration, event = planted
    with torch.no_grad():
        moved = fit_cox(x, duration, event, offset=np.full(len(x), 500.0))
    np.testing.assert_allclose(moved.coefficients, fit_cox(x, duration, event).coefficients, atol=1e-8)


def test_a_column_that_separates_the_events_is_said_not_to_converge(planted: tuple[np.ndarray, ...]) -> None:
    _, duration, event = planted
    estimate = fit_cox(event[:, None].astype(float), duration, event)
    assert not estimate.converged
    assert np.isfinite(estimate.coefficients).all()


def test_without_an_event_the_coefficients_are_zero(planted: tuple[np.ndarray, ...]) -> None:
    x, duration, event = planted
    estimate = fit_cox(x, duration, np.zeros_like(event))
    assert not estimate.coefficients.any()


def test_a_ridge_keeps_a_separating_column_finite_and_is_a_normal_prior(planted: tuple[np.ndarray, ...]) -> None:
    x, duration, event = planted
    estimate = fit_cox(event[:, None].astype(float), duration, event, ridge=0.25)
    assert estimate.converged
    assert 1 < estimate.coefficients[0] < 10
    ridge = 0.25  # at the maximum, the score of the likelihood is that of the prior
    shrunk = fit_cox(x, duration, event, ridge=ridge)

    def log_likelihood(gamma: np.ndarray) -> float:
        r = torch.from_numpy(x @ gamma)
        return -event.sum() * float(cox_loss(r, torch.from_numpy(duration), torch.from_numpy(event)))

    steps = 1e-4 * np.eye(2)
    pairs = [(log_likelihood(shrunk.coefficients + each), log_likelihood(shrunk.coefficients - each)) for each in steps]
    np.testing.assert_allclose([(up - down) / 2e-4 for up, down in pairs], ridge * shrunk.coefficients, atol=1e-4)
