"""The linear Cox head."""

from __future__ import annotations

import pytest
import torch

from survembed.errors import UsageError
from survembed.heads import Linear


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


def test_with_hazard_axes_the_other_dimensions_do_not_change_the_hazard() -> None:
    """Settled point 16: ψ of the others is 0 exactly, so is the gradient; ψ starts at 1/√axes."""
    head = Linear(axes=2).build(5)
    z = torch.randn(6, 5, requires_grad=True)
    (gradient,) = torch.autograd.grad(head(z).sum(), z)
    assert not gradient[:, 2:].any()
    torch.testing.assert_close(gradient[:, :2], torch.full((6, 2), 2**-0.5))


def test_more_hazard_axes_than_dimensions_are_refused() -> None:
    with pytest.raises(UsageError, match="3 hazard axes of 2 latent dimension"):
        Linear(axes=3).build(2)
