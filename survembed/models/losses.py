"""Terms of the loss of a variational autoencoder."""

from __future__ import annotations

import torch
from torch import Tensor

ACTIVE_NATS = 0.01
"""A latent dimension with less KL than this is inactive (Burda et al. 2016 judge by variance)."""


def normal_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) in nats of each latent dimension, (n, L): ½ (μ² + σ² − 1 − log σ²)."""
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar)


def binary_entropy(fraction: Tensor) -> Tensor:
    """Entropy in nats of Bernoulli variables with these means (any shape, in [0, 1]); 0 at both ends.

    Means that rounding or interpolation puts outside [0, 1] count as the nearer end.
    """
    fraction = fraction.clamp(0, 1)
    entropy: Tensor = torch.special.entr(fraction) + torch.special.entr(1 - fraction)
    return entropy
