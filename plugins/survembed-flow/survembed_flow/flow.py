"""A density of latents that is learnt: RealNVP's affine couplings (Dinh et al. 2017, arXiv:1605.08803)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

BOUND = 2.0
"""A coupling stretches a coordinate by e² at most, so that latents far out stay finite."""


class Coupling(nn.Module):
    """u = z ⊙ exp(s) + t, with s and t of the coordinates that are left as they are (equation 9).

    It starts as the identity: the last layer is zero.

    Parameters
    ----------
    kept
        (L,) 1 for the coordinates that are left, 0 for those that move.
    hidden
        Units of the hidden layer.
    """

    kept: Tensor

    def __init__(self, kept: Tensor, hidden: int) -> None:
        super().__init__()
        self.register_buffer("kept", kept)
        last = nn.Linear(hidden, 2 * len(kept))
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(nn.Linear(len(kept), hidden), nn.SiLU(), last)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """u (…, L) of z (…, L), and log |det ∂u/∂z| (…,)."""
        s, t = self.layers(z * self.kept).chunk(2, dim=-1)
        s = BOUND * (s / BOUND).tanh() * (1 - self.kept)
        return z * s.exp() + t * (1 - self.kept), s.sum(-1)


class Flow(nn.Module):
    """The density p(z) = N(f(z); 0, I) · |det ∂f/∂z|, where f is a chain of couplings; at first N(0, I).

    Parameters
    ----------
    latent_dim
        L. A single coordinate has no other to learn from: f is then a stretch and a shift.
    couplings
        In turn the even and the odd coordinates move.
    hidden
        Units of each coupling's hidden layer.
    """

    def __init__(self, latent_dim: int, couplings: int, hidden: int) -> None:
        super().__init__()
        odd = torch.arange(latent_dim) % 2
        self.couplings = nn.ModuleList(Coupling((odd + turn) % 2 * 1.0, hidden) for turn in range(couplings))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """f(z) (…, L) of z (…, L), and log |det ∂f/∂z| (…,)."""
        log_det = z.new_zeros(z.shape[:-1])
        for coupling in self.couplings:
            z, change = coupling(z)
            log_det = log_det + change
        return z, log_det

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z) in nats (…,) of z (…, L)."""
        normal, log_det = self(z)
        log_prob: Tensor = log_det - 0.5 * (normal.square() + math.log(2 * math.pi)).sum(-1)
        return log_prob
