"""The cause-specific head: Cox terms of each cause, incidences that sum to 1, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from survembed.errors import UsageError
from survembed.heads import CauseSpecific
from survembed.heads.cause_specific import CauseSpecificHead
from survembed.survival.batch import Batch
from survembed.survival.cox_loss import cox_loss
from survembed.survival.risk_set import Collecting


def planted(n: int = 500) -> Batch:
    """Cause 1 by the first latent, cause 2 by the second."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(n, 3))
    lives = np.column_stack([rng.exponential(np.exp(-z[:, :2])), rng.exponential(2.0, n)])
    cause = (lives.argmin(axis=1) + 1) % 3
    return Batch(*map(torch.from_numpy, (z.astype(np.float32), lives.min(axis=1), cause)))


def trained() -> tuple[CauseSpecificHead, Batch]:
    batch, head = planted(), CauseSpecificHead(3)
    head.fit_outcome(batch.duration, batch.event)
    optimizer = torch.optim.Adam(head.parameters(), 0.05)
    for _ in range(150):
        optimizer.zero_grad()
        head.loss(batch.image, batch).backward()
        optimizer.step()
    head.fit_baseline(batch.image, batch.duration, batch.event)
    return head, batch


def test_each_cause_has_its_own_direction_and_incidences_sum_to_1() -> None:
    head, batch = trained()
    weight = head.psi.weight.detach().numpy()
    np.testing.assert_allclose(weight, [[1, 0, 0], [0, 1, 0]], atol=0.2)
    times = torch.linspace(0, float(batch.duration.max()), 40).double()
    incidence, survival = head.incidence(batch.image, times), head.survival(batch.image, times)
    np.testing.assert_allclose(incidence.sum(0) + survival, 1.0, atol=1e-12)
    again = CauseSpecificHead(3)
    again.load_state_dict(head.state_dict())
    again.take_baseline(head.baseline_arrays(), head.last_time)
    torch.testing.assert_close(again.incidence(batch.image, times), incidence, rtol=0, atol=0)
    for cause in (0, 1):
        order = batch.image[:, cause].argsort()
        late = incidence[cause][order].mean(1)
        assert late[:50].mean() < 0.5 * late[-50:].mean()
    for cause in (1, 2):
        head.cause = cause
        torch.testing.assert_close(head(batch.image), head.log_hazards(batch.image)[:, cause - 1])
    head.cause = 0
    expected = (head.shares * head.log_hazards(batch.image).exp()).sum(1).log()
    torch.testing.assert_close(head(batch.image), expected)


def test_loss_is_the_sum_of_cox_terms_by_share() -> None:
    batch, head = planted(60), CauseSpecificHead(3)
    head.fit_outcome(batch.duration, batch.event)
    counts = np.bincount(batch.event.numpy(), minlength=3)[1:]
    np.testing.assert_allclose(head.shares, counts / counts.sum(), rtol=1e-6)
    r = head.log_hazards(batch.image)
    expected = sum(
        float(share) * cox_loss(r[:, k], batch.duration, batch.event == k + 1) for k, share in enumerate(head.shares)
    )
    torch.testing.assert_close(head.loss(batch.image, batch), expected)


def test_more_causes_than_directions_and_parts_of_an_update_are_refused() -> None:
    batch = planted(30)
    with pytest.raises(UsageError, match="3 causes, and a head for 2") as error:
        CauseSpecific().build(3).fit_outcome(batch.duration, batch.event + 1)
    assert error.value.try_ == "--set head.causes=3"
    with pytest.raises(UsageError, match="in one pass"):
        CauseSpecificHead(3).loss(batch.image, replace(batch, risk_set=Collecting()))
