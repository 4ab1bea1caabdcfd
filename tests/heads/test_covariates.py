"""γᵀx beside a Cox head."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from survembed.errors import PluginError
from survembed.heads.base import CoxHead
from survembed.heads.covariates import CovariateHead
from survembed.heads.linear import LinearHead
from survembed.survival.batch import Batch
from survembed.survival.cox_loss import cox_loss
from survembed.survival.risk_set import Collecting, Surrounding

N, L, P = 40, 3, 2


@pytest.fixture
def head() -> CovariateHead:
    torch.manual_seed(0)
    made = CovariateHead(LinearHead(L), L, P)
    with torch.no_grad():
        made.gamma.copy_(torch.tensor([0.7, -0.5]))
    return made


@pytest.fixture
def batch() -> Batch:
    rng = np.random.default_rng(0)
    columns: list[Any] = [
        rng.normal(size=(N, L)),
        rng.exponential(size=N),
        rng.random(N) < 0.6,
        rng.normal(size=(N, P)),
    ]
    z, duration, event, x = map(torch.from_numpy, columns)
    return Batch(z.float(), duration, event, x.float())


def test_z_alone_is_at_the_reference_covariates(head: CovariateHead, batch: Batch) -> None:
    z, x = batch.image, batch.covariates
    assert x is not None
    torch.testing.assert_close(head(z), head.inner(z))
    torch.testing.assert_close(head(torch.cat([z, x], 1)), head.inner(z) + 0.7 * x[:, 0] - 0.5 * x[:, 1])


def test_the_loss_is_that_of_the_whole_log_hazard(head: CovariateHead, batch: Batch) -> None:
    z, x = batch.image, batch.covariates
    assert x is not None
    expected = cox_loss(head(torch.cat([z, x], 1)), batch.duration, batch.event)
    torch.testing.assert_close(head.loss(z, batch), expected)


def test_micro_batches_give_the_gradient_of_the_whole(head: CovariateHead, batch: Batch) -> None:
    head.loss(batch.image, batch).backward()
    whole = [parameter.grad.clone() for parameter in head.parameters() if parameter.grad is not None]
    head.zero_grad()
    collecting, parts = Collecting(), []
    for rows in torch.arange(N).split(15):
        assert batch.covariates is not None
        part = Batch(batch.image[rows], batch.duration[rows], batch.event[rows], batch.covariates[rows], collecting)
        head.loss(part.image, part)
        parts.append(part)
    everyone = type(collecting.rows[0])(*(torch.cat(each) for each in zip(*collecting.rows, strict=True)))
    start = 0
    for part in parts:
        surrounded = Batch(part.image, part.duration, part.event, part.covariates, Surrounding(everyone, start))
        (head.loss(part.image, surrounded) * len(part) / N).backward()
        start += len(part)
    for ours, theirs in zip((p.grad for p in head.parameters()), whole, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_survival_is_that_of_the_hazard_with_covariates(head: CovariateHead, batch: Batch) -> None:
    assert batch.covariates is not None
    both = torch.cat([batch.image, batch.covariates], 1)
    head.fit_baseline(both, batch.duration, batch.event)
    times = torch.tensor([0.0, 0.3], dtype=torch.float64)
    survival = head.survival(both, times)
    log_cumulative = torch.log(-torch.log(survival[:, 1]))
    shift = log_cumulative - head(both).double()
    torch.testing.assert_close(shift, shift[:1].expand(N))  # proportional hazards in [z, x]
    reference = head.survival(batch.image, times)
    assert not torch.allclose(reference, survival)


def test_a_head_that_ignores_the_risk_set_is_refused(batch: Batch) -> None:
    class Deaf(CoxHead):
        def __init__(self) -> None:
            super().__init__()
            self.inner = LinearHead(L)

        def forward(self, z: Tensor) -> Tensor:
            return self.inner(z)  # type: ignore[no-any-return]

        def loss(self, z: Tensor, batch: Batch) -> Tensor:
            return self(z).sum()  # type: ignore[no-any-return]

    with pytest.raises(PluginError, match="does not use the risk set"):
        CovariateHead(Deaf(), L, P).loss(batch.image, batch)
