"""The multilayer perceptron as a Cox head."""

from __future__ import annotations

import pytest
import torch

from survembed.errors import UsageError
from survembed.heads import MLP


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


def test_with_hazard_axes_the_other_dimensions_do_not_change_the_hazard() -> None:
    head = MLP(hidden=(8,), axes=1).build(3)
    z = torch.randn(6, 3, requires_grad=True)
    (slope,) = torch.autograd.grad(head(z).sum(), z)
    assert not slope[:, 1:].any()
    assert slope[:, 0].any()
