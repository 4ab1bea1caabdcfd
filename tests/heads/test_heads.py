"""Heads: from latents to log-hazards."""

from __future__ import annotations

import pytest
import torch

from survembed.errors import UsageError
from survembed.heads import MLP, Linear
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


def test_linear_is_psi_z_without_bias() -> None:
    head = Linear().build(4)
    assert [name for name, _ in head.named_parameters()] == ["psi.weight"]
    z = torch.randn(5, 4)
    torch.testing.assert_close(head(z), z @ dict(head.named_parameters())["psi.weight"][0])
    assert not head(torch.zeros(1, 4)).any()


@pytest.mark.parametrize("latent_dim", [1, 8, 100])
def test_psi_starts_small(latent_dim: int) -> None:
    """Settled point 8: the paper's rate moves a weight by 0.16 at most; log-hazards start with a spread of 0.1."""
    torch.manual_seed(0)
    spread = torch.stack([dict(Linear().build(latent_dim).named_parameters())["psi.weight"][0] for _ in range(300)])
    assert float(spread.detach().square().sum(1).mean().sqrt()) == pytest.approx(0.1, rel=0.15)


def test_mlp_is_smooth_and_has_no_constant() -> None:
    head = MLP(hidden=(8, 4)).build(2).eval()
    at = torch.randn(6, 2, requires_grad=True)
    (slope,) = torch.autograd.grad(head(at).sum(), at)
    assert (slope != 0).any(dim=1).all()
    assert "layers.6.bias" not in dict(head.named_parameters())
    sizes = [tuple(p.shape) for p in head.parameters()]
    assert sizes == [(8, 2), (8,), (4, 8), (4,), (1, 4)]


def test_dropout_only_in_training() -> None:
    head = MLP(dropout=0.5).build(2)
    z = torch.randn(20, 2)
    assert not torch.equal(head(z), head(z))
    head.eval()
    assert torch.equal(head(z), head(z))


def test_hidden_sizes_as_text() -> None:
    assert MLP.configure("head", {"hidden": "16, 8"}).hidden == (16, 8)
    assert MLP.configure("head", {"hidden": ""}).hidden == ()


@pytest.mark.parametrize("hidden", ["16,x", "0", "8,-3", "1.5"])
def test_bad_hidden_sizes(hidden: str) -> None:
    with pytest.raises(UsageError, match="hidden"):
        MLP.configure("head", {"hidden": hidden})
