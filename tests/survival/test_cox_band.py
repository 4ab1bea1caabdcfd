"""Band of a Cox model against loops over the formula, the information matrix by differences, and the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lifelines import CoxPHFitter
from lifelines.datasets import load_rossi

from survembed.survival.breslow import BreslowBaseline
from survembed.survival.cox_band import CoxBand
from survembed.survival.cox_loss import cox_loss
from survembed.survival.outcome import Float, Outcome


def rossi() -> tuple[Float, Outcome, Float]:
    """Covariates in units of their deviation, outcomes, and the coefficients by Breslow's ties."""
    frame = load_rossi()
    x = frame[["age", "prio", "fin"]].to_numpy(float)
    outcome = Outcome(frame["week"].to_numpy(float), frame["arrest"].to_numpy(bool))
    return x / x.std(0), outcome, newton(x / x.std(0), outcome)[0]


def newton(x: Float, outcome: Outcome) -> tuple[Float, Float]:
    """Optimum of the loss, and the inverse of its second derivatives times the events."""
    z, columns = torch.from_numpy(x), [torch.from_numpy(each) for each in outcome]
    beta = torch.zeros(x.shape[1], dtype=torch.float64)
    for _ in range(6):
        hessian = torch.autograd.functional.hessian(lambda b: cox_loss(z @ b, *columns), beta)
        gradient = torch.autograd.functional.jacobian(lambda b: cox_loss(z @ b, *columns), beta)
        beta = beta - torch.linalg.solve(hessian, gradient)
    return beta.numpy(), np.linalg.inv(hessian.numpy() * outcome.event.sum())


def test_relative_error_by_the_formula_of_survfit() -> None:
    x, outcome, beta = rossi()
    band, new, times = CoxBand.fit(x, x @ beta, outcome), x[:4] + 0.5, np.array([0.5, 10.0, 30.0, 52.0])
    inverse = newton(x, outcome)[1]
    for z, errors in zip(new, band.relative_error(new, times), strict=True):
        for time, error in zip(times, errors, strict=True):
            hazard, variance, q = 0.0, 0.0, np.zeros(3)
            for s in np.unique(outcome.duration[outcome.event & (outcome.duration <= time)]):
                at_risk, d = outcome.duration >= s, (outcome.event & (outcome.duration == s)).sum()
                weight = np.exp(x[at_risk] @ beta)
                hazard += d / weight.sum()
                variance += d / weight.sum() ** 2
                q += (z - weight @ x[at_risk] / weight.sum()) * d / weight.sum()
            expected = np.sqrt(variance + q @ inverse @ q) / hazard if hazard else 0.0
            assert error == pytest.approx(expected, rel=1e-6)


def test_coefficients_have_the_variance_of_lifelines() -> None:
    x, outcome, beta = rossi()
    frame = load_rossi()[["week", "arrest", "age", "prio", "fin"]]
    frame[["age", "prio", "fin"]] = x
    peer = CoxPHFitter().fit(frame, "week", "arrest")  # Efron's ties: close, not equal
    band = CoxBand.fit(x, x @ beta, outcome)
    np.testing.assert_allclose(
        band.inverse / np.outer(band.scale, band.scale), peer.variance_matrix_, rtol=0.02, atol=1e-5
    )


def test_band_is_that_of_the_bootstrap_with_refitted_coefficients() -> None:
    x, outcome, beta = rossi()
    new, times, rng = x[[3, 50]] * 1.5, np.array([20.0, 45.0]), np.random.default_rng(0)
    curves = []
    for _ in range(80):
        rows = rng.integers(len(x), size=len(x))
        drawn = newton(x[rows], outcome.take(rows))[0]
        curves.append(BreslowBaseline.fit(x[rows] @ drawn, *outcome.take(rows)).survival(new @ drawn, times))
    spread = np.log(-np.log(np.array(curves))).std(axis=0)
    np.testing.assert_allclose(CoxBand.fit(x, x @ beta, outcome).relative_error(new, times), spread, rtol=0.3)


def test_limits_contain_the_curve_and_are_exact_where_it_is_1() -> None:
    x, outcome, beta = rossi()
    times = np.array([0.0, 20.0, 52.0])
    survival = BreslowBaseline.fit(x @ beta, *outcome).survival(x @ beta, times)
    low, high = CoxBand.fit(x, x @ beta, outcome).limits(survival, x, times)
    assert ((low <= survival) & (survival <= high)).all()
    np.testing.assert_array_equal([low[:, 0], high[:, 0]], 1.0)
    wider = CoxBand.fit(x, x @ beta, outcome).limits(survival, x, times, 0.99)
    assert (wider[0][:, 1:] < low[:, 1:]).all()


def test_constant_and_collinear_latents_do_no_harm() -> None:
    x, outcome, beta = rossi()
    more = np.column_stack([x, x[:, 0] + x[:, 1], np.full(len(x), 3.0)])
    times = np.array([20.0, 52.0])
    np.testing.assert_allclose(
        CoxBand.fit(more, x @ beta, outcome).relative_error(more, times),
        CoxBand.fit(x, x @ beta, outcome).relative_error(x, times),
        rtol=1e-6,
    )


def test_entries_are_heeded() -> None:
    x, outcome, beta = rossi()
    since = Outcome(outcome.duration, outcome.event, np.zeros(len(x)))
    late = Outcome(outcome.duration, outcome.event, np.where(np.arange(len(x)) % 2, outcome.duration / 2, 0.0))
    errors = [CoxBand.fit(x, x @ beta, each).relative_error(x, np.array([20.0])) for each in (outcome, since, late)]
    np.testing.assert_allclose(errors[0], errors[1])
    assert errors[2].mean() > errors[0].mean()
