"""The CoxVAE with a learnt prior: one method differs.

The evidence lower bound holds for any prior, and can be tighter with one that is learnt with the rest (Chen et al.
2017, arXiv:1611.02731, with autoregressive flows; Tomczak & Welling 2018, arXiv:1705.07120, with a mixture of
posteriors). What it is for in survival: N(0, I) draws all subjects into one ball, and groups whose outcomes differ, as
with and without a tumour, into each other. A flow lays its mass where the groups lie.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from survembed.models.coxvae import CoxVAENetwork
from survembed_flow.flow import Flow

if TYPE_CHECKING:
    from survembed.cohort.subjects import Channel
    from survembed.heads.base import Head
    from survembed_flow import FlowVAE

DRAWS = 16
"""Draws, each with its mirror image, over which validation averages."""


class FlowVAENetwork(CoxVAENetwork):
    """A CoxVAE with p(z) a normalising flow; q(z|x) is Gaussian as before, so μ and log σ² mean what they meant.

    Parameters
    ----------
    options
        The `FlowVAE` component.
    channels, shape, head
        As for `CoxVAENetwork`.
    """

    draws: Tensor

    def __init__(
        self, options: FlowVAE, channels: tuple[Channel, ...], shape: tuple[int, ...], head: Head | None
    ) -> None:
        super().__init__(options, channels, shape, head)
        self.prior = Flow(options.latent_dim, options.couplings, options.hidden)
        draws = torch.randn(DRAWS, 1, options.latent_dim, generator=torch.Generator().manual_seed(0))
        draws = torch.cat([draws, -draws]) / draws.square().mean(0).sqrt()  # mean 0 and variance 1 to the last digit
        self.register_buffer("draws", draws, persistent=False)

    def kl(self, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        """KL(q ‖ p) = −H[q] − E_q log p(z) in nats (n,): the entropy in closed form, the rest by sampling.

        In training the sample is z, the one that is decoded, and the estimate without bias. In evaluation z is μ and no
        sample: fixed draws of q stand for it, the same for each subject, so that validation has no noise.
        """
        with torch.autocast(z.device.type, enabled=False):
            entropy = 0.5 * (logvar + math.log(2 * math.pi * math.e)).sum(-1)
            samples = z[None] if self.training else mu + (0.5 * logvar).exp() * self.draws
            return -entropy - self.prior.log_prob(samples).mean(0)
