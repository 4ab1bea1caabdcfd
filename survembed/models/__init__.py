"""Components of the embedding models, for `--help` and the registry; networks are in the other modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import model_validator

from survembed.registry.component import Component, option

if TYPE_CHECKING:
    from survembed.cohort.subjects import Channel
    from survembed.models.base import Model


class Network(Component):
    """Options of the residual network that every model of ours embeds images with."""

    latent_dim: int = option(8, ge=1, help="Number of latent dimensions.")
    width: int = option(0, ge=0, help="Features of the first block; 0 means 64 for a table, else 16.", panel="Network")
    blocks: int = option(
        4,
        ge=1,
        help="Residual blocks in the encoder, and in the decoder; images of 256 and 512 a side get one and two more.",
        panel="Network",
    )
    patch: int = option(0, ge=0, help="Edge of the patches that become channels; 0 chooses by size.", panel="Network")
    norm: Literal["batch", "group", "none"] = option("batch", help="Normalisation inside blocks.", panel="Network")
    dropout: float = option(0.0, ge=0, lt=1, help="Dropout inside blocks.", panel="Network")


class VAE(Network):
    """Variational autoencoder: reconstruction and prior only, no survival."""

    beta: float = option(1e-2, ge=0, help="Weight of the KL term in nats.")
    reduction: Literal["share", "mean", "sum"] = option(
        "share",
        help="Reconstruction error as a share of that of the mean training image (1 = ignores its input, 0 = perfect), "
        "or -log p(x|z) averaged or summed over voxels.",
    )
    reconstruction_weight: float = option(
        0.0,
        ge=0,
        help="Weight of the reconstruction, with --reduction share; 0 means 25 for up to 1000 training events and less "
        "for more (4 for 39,000).",
    )
    mask_volume: bool = option(
        False,
        help="The encoder also gets the log volume of each mask, for few events; no effect on data without masks.",
    )
    sigma: Literal["fixed", "learned"] = option(
        "fixed",
        help="Standard deviation of Gaussian channels, with --reduction mean or sum: 0.1 of the window (1 for tables), "
        "or learned.",
    )

    @model_validator(mode="after")
    def _options_have_an_effect(self) -> Self:
        if self.reduction == "share" and self.sigma == "learned":
            raise ValueError("sigma = learned needs reduction = mean or sum")
        if self.reduction != "share" and self.reconstruction_weight:
            raise ValueError("reconstruction_weight needs reduction = share")
        return self

    def build(self, channels: tuple[Channel, ...], shape: tuple[int, ...], head: Component | None = None) -> Model:
        """The network for images (n, C, *shape)."""
        from survembed.models.vae import VAENetwork

        return VAENetwork(self, channels, shape)


class CoxVAE(VAE):
    """Variational autoencoder regularised by a Cox model of the latent code (the paper's model)."""

    tau: float = option(0.2, ge=0, le=1, help="Weight of the VAE loss; 1 - tau weighs the Cox loss.")
    head: str = option("linear", help="Cox head, by name.")
    prior: Literal["normal", "conditional"] = option(
        "normal",
        help="Prior of the latents: N(0, I), or N(Wx, I) with W learnt: z - Wx is what --covariates do not say.",
    )

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
