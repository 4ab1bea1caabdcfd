"""The Weibull head against lifelines on real data, and where no Weibull density exists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from lifelines import WeibullAFTFitter
from lifelines.datasets import load_gbsg2, load_rossi
from survembed_weibull import Weibull
from survembed_weibull.head import WeibullHead
from torch import Tensor

from survembed.survival.batch import Batch
from survembed.testing import conformance

test_contract = conformance("heads", Weibull)


def rossi() -> tuple[Any, str, str]:
    return load_rossi(), "week", "arrest"


def gbsg2() -> tuple[Any, str, str]:
    frame = load_gbsg2()[["age", "tsize", "pnodes", "progrec", "estrec", "time", "cens"]].astype(float)
    frame[["progrec", "estrec"]] = np.log1p(frame[["progrec", "estrec"]])
    return frame, "time", "cens"


def tensors(frame: Any, duration: str, event: str) -> tuple[Tensor, Tensor, Tensor]:
    z = torch.tensor(frame.drop(columns=[duration, event]).to_numpy(float), dtype=torch.float32)
    return z, torch.tensor(frame[duration].to_numpy(float)), torch.tensor(frame[event].to_numpy(bool))


def standardised(frame: Any, duration: str, event: str) -> tuple[Any, str, str]:
    covariates = frame.columns.drop([duration, event])
    frame[covariates] = (frame[covariates] - frame[covariates].mean()) / frame[covariates].std()
    return frame, duration, event


def fitted(z: Tensor, duration: Tensor, event: Tensor) -> WeibullHead:
    """The head at the optimum of the full batch."""
    head = WeibullHead(z.shape[1]).double()
    head.fit_outcome(duration, event)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=2000, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = head.loss(z.double(), Batch(z, duration, event))
        loss.backward()
        return loss

    optimizer.step(closure)
    return head


@pytest.mark.parametrize("data", [rossi, gbsg2])
def test_coefficients_and_likelihood_are_those_of_lifelines(data: Any) -> None:
    frame, duration, event = standardised(*data())
    peer = WeibullAFTFitter().fit(frame, duration, event)
    z, times, seen = tensors(frame, duration, event)
    head = fitted(z, times, seen)
    location = peer.params_["lambda_"]
    np.testing.assert_allclose(head.beta.detach(), location[frame.columns.drop([duration, event])], atol=2e-4)
    intercept = float(head.log_unit) + float(head.alpha.detach())
    assert intercept == pytest.approx(location["Intercept"], abs=2e-4)
    assert float(head.log_rho.detach()) == pytest.approx(peer.params_["rho_"]["Intercept"], abs=2e-4)
    assert -len(z) * float(head.loss(z, Batch(z, times, seen)).detach()) == pytest.approx(
        peer.log_likelihood_, abs=1e-3
    )
    # Longer lives have lower hazards: the order of lifelines' medians, turned round.
    risk = head(z.double()).detach().numpy()
    assert np.corrcoef(risk, np.log(peer.predict_median(frame)))[0, 1] == pytest.approx(-1)


@pytest.mark.parametrize("data", [rossi, gbsg2])
def test_survival_functions_are_those_of_lifelines(data: Any) -> None:
    frame, duration, event = standardised(*data())
    peer = WeibullAFTFitter().fit(frame, duration, event)
    z, times, seen = tensors(frame, duration, event)
    head = fitted(z, times, seen)
    head.fit_baseline(z.double(), times, seen)
    grid = np.linspace(0, frame[duration].max(), 30)
    with torch.no_grad():
        survival = head.survival(z.double(), torch.from_numpy(grid)).numpy()
        median = head.median_survival(z.double()).numpy()
    np.testing.assert_allclose(survival[:, 1:], peer.predict_survival_function(frame, grid[1:]).to_numpy().T, atol=1e-3)
    expected = peer.predict_median(frame).to_numpy()
    known = np.isfinite(median)
    np.testing.assert_allclose(median[known], expected[known], rtol=2e-3)
    assert (expected[~known] > 0.99 * head.last_time).all()


def test_log_hazards_are_differences_of_log_hazard_functions() -> None:
    """At any time: the hazards are proportional, as −ρ βᵀz says."""
    head = WeibullHead(2)
    with torch.no_grad():
        head.beta.copy_(torch.tensor([0.7, -0.2]))
        head.log_rho.fill_(0.4)
    z = torch.randn(5, 2)
    rho, scale = torch.tensor(0.4).exp(), (z @ head.beta.detach()).exp()
    for time in (0.1, 1.0, 30.0):
        log_hazard = (rho / scale * (time / scale) ** (rho - 1)).log()
        at_zero = (rho * time ** (rho - 1)).log()
        torch.testing.assert_close(head(z).detach(), log_hazard - at_zero)


def test_the_loss_is_that_of_scipy_whatever_the_unit() -> None:
    from scipy.stats import weibull_min

    head = WeibullHead(1)
    z, duration = torch.randn(6, 1), torch.tensor([3.0, 700, 40, 1e4, 90, 365], dtype=torch.float64)
    event = torch.tensor([True, False, True, True, False, True])
    head.fit_outcome(duration, event)
    with torch.no_grad():
        head.log_rho.fill_(0.3)
    scale = (head.log_unit + head.alpha + z @ head.beta).exp().detach().numpy()
    law = weibull_min(np.exp(0.3), scale=scale)
    expected = -np.where(event, law.logpdf(duration), law.logsf(duration)).mean()
    assert float(head.loss(z, Batch(z, duration, event)).detach()) == pytest.approx(expected, rel=1e-5)
    other = WeibullHead(1)  # in years instead of days: the same start, but for the density's unit
    other.load_state_dict(head.state_dict())
    other.fit_outcome(duration / 365, event)
    with torch.no_grad():
        shift = float(head.loss(z, Batch(z, duration, event)) - other.loss(z, Batch(z, duration / 365, event)))
    assert shift == pytest.approx(float(event.double().mean()) * np.log(365), rel=1e-5)


def test_durations_of_0_count_as_half_of_the_shortest() -> None:
    duration, event = torch.tensor([0.0, 2.0, 8.0], dtype=torch.float64), torch.tensor([True, True, False])
    head, z = WeibullHead(1), torch.zeros(3, 1)
    head.fit_outcome(duration, event)
    assert float(head.log_unit.exp()) == pytest.approx(5)  # ten units lived, two deaths
    assert float(head.shortest) == 1
    same = torch.tensor([1.0, 2.0, 8.0], dtype=torch.float64)
    torch.testing.assert_close(head.loss(z, Batch(z, duration, event)), head.loss(z, Batch(z, same, event)))


def test_without_any_event_everyone_lives_long() -> None:
    """The likelihood of a censored batch rises with λ, and stays finite."""
    head, z = WeibullHead(1), torch.zeros(3, 1)
    duration, event = torch.tensor([1.0, 2.0, 8.0], dtype=torch.float64), torch.zeros(3, dtype=torch.bool)
    head.fit_outcome(duration, event)
    loss = head.loss(z, Batch(z, duration, event))
    loss.backward()
    assert 0 < float(loss.detach()) < torch.inf
    assert head.alpha.grad is not None
    assert float(head.alpha.grad) < 0


def test_far_beyond_the_data_the_loss_goes_on_as_a_line() -> None:
    """Its slope still says where to go."""
    head = WeibullHead(1)
    with torch.no_grad():
        head.beta.fill_(-1.0)
    z = torch.tensor([[29.0], [31.0], [1000.0]], requires_grad=True)
    one = torch.ones(1, dtype=torch.float64)
    losses = torch.stack([head.loss(row[None], Batch(row[None], one, one == 0)) for row in z])
    (slope,) = torch.autograd.grad(losses.sum(), z)
    assert losses.isfinite().all()
    torch.testing.assert_close(slope[:, 0], torch.tensor([29.0, 30.0, 30.0]).exp())
