"""CoxVAE: equation (3) of the paper, τ·L_VAE + (1 − τ)·L_Cox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from survembed.models.base import Loss
from survembed.models.vae import VAENetwork
from survembed.survival.batch import Batch

if TYPE_CHECKING:
    from survembed.cohort.subjects import Channel
    from survembed.heads.base import Head
    from survembed.models import CoxVAE


class CoxVAENetwork(VAENetwork):
    """A variational autoencoder whose latents also predict the log-hazard.

    Parameters
    ----------
    options
        The `CoxVAE` component.
    channels, shape
        As for `VAENetwork`.
    head
        From latents (n, L) to log-hazards (n,).
    """

    def __init__(
        self, options: CoxVAE, channels: tuple[Channel, ...], shape: tuple[int, ...], head: Head | None
    ) -> None:
        super().__init__(options, channels, shape)
        self.tau = options.tau
        self.head = head
        self.has_conditional_prior = options.prior == "conditional"

    def take_covariates(self, n_covariates: int) -> None:
        """Add γᵀx to the log-hazard, and Wx to the mean of a conditional prior; W starts at 0."""
        super().take_covariates(n_covariates)
        if self.has_conditional_prior:
            self.prior_mean = nn.Linear(n_covariates, self.latent_dim, bias=False)
            nn.init.zeros_(self.prior_mean.weight)

    @property
    def loss_weights(self) -> dict[str, float]:
        """Weight of each term of equation (3)."""
        weights = {name: self.tau * weight for name, weight in super().loss_weights.items()}
        return {**weights, "cox": 1 - self.tau} if self.head is not None else weights

    def loss(self, batch: Batch) -> Loss:
        """Equation (3); the Cox term is taken on the same latents as the reconstruction."""
        terms, record, z = self.vae_loss(batch.image, batch.covariates)
        weighted = {name: self.tau * term for name, term in terms.items()}
        if self.head is not None:
            with torch.autocast(z.device.type, enabled=False):
                record["cox"] = self.head.loss(z, batch)
            weighted["cox"] = (1 - self.tau) * record["cox"]
        return Loss(weighted, record)
