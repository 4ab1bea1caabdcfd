"""CoxVAE: equation (3) of the paper, τ·L_VAE + (1 − τ)·L_Cox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from survembed.heads.base import CoxHead
from survembed.models.base import Loss
from survembed.models.batchnorm import running_statistics
from survembed.models.vae import VAENetwork
from survembed.survival.batch import Batch

if TYPE_CHECKING:
    from survembed.cohort.subjects import Channel
    from survembed.heads.base import Head
    from survembed.models import CoxVAE


SPREAD = 0.03
"""Weight of the mean squared log-hazard in the Cox term. Without it, and trained to the end on few subjects, the hazard
grows without limit: ±23 on the digits along ±2 SD (`benchmarks/results/readable.md`)."""

PROOF = 3.0
"""Weight of the proof in an update that has one."""

WALKED = 2.0
"""Standard deviations of the log-hazard up to which the proof walks."""


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
        self.proves = isinstance(head, CoxHead) and options.reduction == "share"

    @property
    def loss_weights(self) -> dict[str, float]:
        """Weight of each term of equation (3)."""
        weights = {name: self.tau * weight for name, weight in super().loss_weights.items()}
        return {**weights, "cox": 1 - self.tau} if self.head is not None else weights

    def loss(self, batch: Batch) -> Loss:
        """Equation (3); the Cox term is taken on the same latents as the reconstruction.

        With the reconstruction as a share, the Cox term of a Cox head holds a small penalty on the size of the
        log-hazard, and in some updates the proof: see `proof`.
        """
        terms, record, z = self.vae_loss(batch.image)
        weighted = {name: self.tau * term for name, term in terms.items()}
        if self.head is not None:
            with torch.autocast(z.device.type, enabled=False):
                record["cox"] = self.head.loss(z, batch)
                hazard = record["cox"]
                if self.proves:
                    has_event = (batch.event > 0).any()  # without one, the term is 0 and moves nothing
                    hazard = hazard + SPREAD * has_event * self.head(z).square().mean()
            if self.proves and batch.proof:
                hazard = hazard + PROOF * self.proof(z.detach())
            weighted["cox"] = (1 - self.tau) * hazard
        return Loss(weighted, record)

    def proof(self, z: Tensor) -> Tensor:
        """Mean squared difference between the log-hazard of latents and that of their decoded images, encoded again.

        The latents are a quarter as many as those of the batch, z (n, L), evenly spaced on its hazard axis Σψ within
        ±2 SD around its mean: where figures walk, and where no subject may be. As in figures, batch normalisation uses
        its running statistics.
        """
        assert self.head is not None
        with torch.no_grad():
            centred, hazard = z - z.mean(0), self.head(z)
            hazard = hazard - hazard.mean()
            direction = (centred * hazard[:, None]).mean(0) / hazard.square().mean().sqrt().clamp(min=1e-6)
            steps = torch.linspace(-WALKED, WALKED, max(2, len(z) // 4), device=z.device)
            walk = z.mean(0) + steps[:, None] * direction
        with running_statistics(self):
            mu, _ = self.posterior(self.decode(walk))
        with torch.autocast(z.device.type, enabled=False):
            return (self.head(mu) - self.head(walk).detach()).square().mean()
