"""Interface of heads: the Cox loss, survival functions by Breslow's baseline, and the median by bisection."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from lifelines import CoxPHFitter
from torch import Tensor

from survembed.heads import MLP, Linear
from survembed.heads.base import CoxHead, Head
from survembed.survival.batch import Batch
from survembed.survival.cox_loss import cox_loss


@pytest.mark.parametrize("component", [Linear(ties="efron"), MLP(ties="efron"), MLP(hidden=())])
@pytest.mark.parametrize("n", [1, 7])
def test_shapes_and_loss(component: Linear | MLP, n: int) -> None:
    head = component.build(3).eval()
    z = torch.randn(n, 3)
    assert head(z).shape == (n,)
    duration, event = torch.randint(1, 4, (n,)).double(), torch.ones(n, dtype=torch.bool)
    torch.testing.assert_close(
        head.loss(z, Batch(z, duration, event)),
        cox_loss(head(z), duration, event, ties=component.ties),
        equal_nan=False,
    )


class Exponential(Head):
    """S(t | z) = exp(-t exp z)."""

    def forward(self, z: Tensor) -> Tensor:
        return z[:, 0]

    def survival(self, z: Tensor, times: Tensor) -> Tensor:
        return (-z[:, :1].double().exp() * times).exp()


class Given(CoxHead):
    """The latents are the covariates of a fitted Cox model with coefficients `beta`."""

    def __init__(self, beta: np.ndarray) -> None:
        super().__init__()
        self.beta = torch.tensor(beta)

    def forward(self, z: Tensor) -> Tensor:
        return z.double() @ self.beta


def simulated(n: int = 150) -> tuple[Tensor, Tensor, Tensor]:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(n, 2))
    life, censoring = rng.exponential(np.exp(-z[:, 0])), rng.exponential(2.0, n)
    return tuple(map(torch.from_numpy, (z, np.minimum(life, censoring), life <= censoring)))  # type: ignore[return-value]


def test_survival_of_a_cox_head_is_that_of_lifelines() -> None:
    z, duration, event = simulated()
    frame = pd.DataFrame(z.numpy(), columns=["a", "b"]).assign(T=duration.numpy(), E=event.numpy())
    peer = CoxPHFitter(baseline_estimation_method="breslow").fit(frame, "T", "E")
    head = Given(peer.params_.to_numpy())
    head.fit_baseline(z, duration, event)
    times = np.sort(duration.numpy())[5:-1:7]
    expected = peer.predict_survival_function(frame, times=times).to_numpy().T
    np.testing.assert_allclose(head.survival(z, torch.from_numpy(times)), expected, atol=1e-6)
    medians = peer.predict_median(frame).to_numpy()
    known = np.isfinite(medians)
    np.testing.assert_allclose(head.median_survival(z).numpy()[known], medians[known])
    assert head.median_survival(z).isnan().numpy()[~known].all()


def test_the_baseline_is_no_part_of_the_weights() -> None:
    z, duration, event = simulated()
    head = Linear().build(2)
    before = set(head.state_dict())
    head.fit_baseline(z.float(), duration, event)
    assert set(head.state_dict()) == before
    beyond = torch.tensor([head.last_time * 1.01], dtype=torch.float64)
    assert head.survival(z.float(), beyond).isnan().all()


def test_median_of_a_parametric_head_by_bisection() -> None:
    head = Exponential()
    duration = torch.tensor([0.5, 3.0], dtype=torch.float64)
    head.fit_baseline(torch.zeros(2, 1), duration, torch.tensor([True, False]))
    z = torch.tensor([[-3.0], [0.0], [2.0]])
    expected = np.log(2) / np.exp(z[:, 0].double().numpy())
    median = head.median_survival(z).numpy()
    np.testing.assert_allclose(median[1:], expected[1:], rtol=1e-12)
    assert np.isnan(median[0])  # 13.9, beyond the follow-up of 3


def test_event_codes_other_than_zero_are_events() -> None:
    z, duration, event = simulated()
    head = Linear().build(2)
    coded = event.long() * 2
    torch.testing.assert_close(
        head.loss(z.float(), Batch(z, duration, event)), head.loss(z.float(), Batch(z, duration, coded))
    )
