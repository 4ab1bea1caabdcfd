"""Embedding models by name: what `--help` and the registry see. The networks stand in the files beside this one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from survembed.component import Component, option

if TYPE_CHECKING:
    from survembed.models.base import Model
    from survembed.subjects import Channel


class Network(Component):
    """Options of the residual network that every model of ours embeds images with."""

    latent_dim: int = option(8, ge=1, help="Number of latent dimensions.")
    width: int = option(0, ge=0, help="Features of the first block; 0 means 64 for a table, else 16.", panel="Network")
    blocks: int = option(4, ge=1, help="Residual blocks in the encoder, and in the decoder.", panel="Network")
    patch: int = option(0, ge=0, help="Edge of the patches that become channels; 0 chooses by size.", panel="Network")
    norm: Literal["batch", "group", "none"] = option("batch", help="Normalisation inside blocks.", panel="Network")
    dropout: float = option(0.0, ge=0, lt=1, help="Dropout inside blocks.", panel="Network")


class VAE(Network):
    """Variational autoencoder: reconstruction and prior only, no survival."""

    beta: float = option(1e-2, ge=0, help="Weight of the KL term in nats.")
    reduction: Literal["mean", "sum"] = option("mean", help="Reconstruction averaged or summed over voxels.")
    sigma: Literal["fixed", "learned"] = option(
        "fixed", help="Standard deviation of Gaussian channels: 0.1 of the window (1 for tables), or learned."
    )

    def build(self, channels: tuple[Channel, ...], shape: tuple[int, ...], head: Component | None = None) -> Model:
        """The network for images (n, C, *shape)."""
        from survembed.models.vae import VAENetwork

        return VAENetwork(self, channels, shape)


class CoxVAE(VAE):
    """Variational autoencoder regularised by a Cox model of the latent code (the paper's model)."""

    tau: float = option(0.2, ge=0, le=1, help="Weight of the VAE loss; 1 - tau weighs the Cox loss.")
    head: str = option("linear", help="Cox head, by name.")

    def build(self, channels: tuple[Channel, ...], shape: tuple[int, ...], head: Component | None = None) -> Model:
        """The network for images (n, C, *shape), with its Cox head."""
        from survembed.models.coxvae import CoxVAENetwork

        return CoxVAENetwork(self, channels, shape, head.build(self.latent_dim) if head else None)


class DeepSurv(Network):
    """Network trained on Cox's likelihood alone; it embeds by its last hidden layer and cannot decode."""

    dropout: float = option(0.2, ge=0, lt=1, help="Dropout inside blocks.", panel="Network")
    head: str = option("linear", help="Cox head, by name.")

    def build(self, channels: tuple[Channel, ...], shape: tuple[int, ...], head: Component | None = None) -> Model:
        """The network for images (n, C, *shape), with its Cox head."""
        from survembed.models.deepsurv import DeepSurvNetwork

        return DeepSurvNetwork(self, channels, shape, head.build(self.latent_dim) if head else None)
