"""DeepSurv: a network trained on Cox's partial likelihood alone (Katzman et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from survembed.models.base import InputScale, Loss, Model, full_precision
from survembed.models.blocks import Encoder, geometry
from survembed.survival.batch import Batch

if TYPE_CHECKING:
    from survembed.cohort.subjects import Channel
    from survembed.heads.base import Head
    from survembed.models import DeepSurv


class DeepSurvNetwork(Model):
    """Encoder, one hidden layer of `latent_dim` units, Cox head; the embedding is that hidden layer.

    Parameters
    ----------
    options
        The `DeepSurv` component.
    channels, shape
        Channels and spatial shape of an image.
    head
        From the hidden layer (n, L) to log-hazards (n,).
    """

    decodes = False

    def __init__(
        self, options: DeepSurv, channels: tuple[Channel, ...], shape: tuple[int, ...], head: Head | None
    ) -> None:
        super().__init__()
        self.latent_dim = options.latent_dim
        self.input = InputScale(channels, shape)
        plan = geometry(shape, options.patch, options.width, options.blocks)
        self.encoder = Encoder(len(channels), plan, options.norm, options.dropout)
        self.hidden = nn.Sequential(nn.Linear(plan.features, options.latent_dim), nn.SiLU())
        self.head = head

    def fit_input(self, centre: Tensor, scale: Tensor) -> None:
        """Take mean and standard deviation of the training images, each (C, *shape)."""
        self.input.fit(centre, scale)

    def posterior(self, image: Tensor) -> tuple[Tensor, None]:
        """Activations (n, L) float32 of the last hidden layer; there is no variance."""
        features = self.encoder(self.input(image))
        with torch.autocast(features.device.type, enabled=False):
            return self.hidden(full_precision(features)), None

    def loss(self, batch: Batch) -> Loss:
        """Cox's loss, equation (2)."""
        z, _ = self.posterior(batch.image)
        if self.head is None:
            raise TypeError("DeepSurv needs a head")
        with torch.autocast(z.device.type, enabled=False):
            cox = self.head.loss(z, batch)
        return Loss({"cox": cox}, {"cox": cox})
