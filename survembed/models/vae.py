"""The variational autoencoder: equation (1) of the paper, with a likelihood for each channel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 — the name every torch user knows

from survembed.models.base import InputScale, Loss, Model, full_precision
from survembed.models.blocks import Decoder, Encoder, geometry
from survembed.models.losses import ACTIVE_NATS, binary_entropy, normal_kl
from survembed.survival.batch import Batch

if TYPE_CHECKING:
    from survembed.cohort.subjects import Channel
    from survembed.models import VAE

SIGMA = 0.1
"""Fixed standard deviation of a Gaussian channel, as a share of its window: at 1, the KL term would win."""

LEAST_FRACTION = 1e-4
"""Bernoulli fractions of the mean image stay this far from 0 and 1, so that no voxel starts out certain."""

LEAST_DEVIANCE = 1e-4
"""Smallest mean deviance of a voxel by which a channel is divided: below it the channel is as good as constant."""

AMOUNT_GAIN = 4.0
"""Lets the log-odds of a whole mask move by a unit within some hundred updates at the usual rates."""


class VAENetwork(Model):
    """Encoder to a Gaussian q(z|x) = N(μ, diag σ²), decoder to an image.

    A model with another prior overrides `kl`; all else stays as it is.

    Parameters
    ----------
    options
        The `VAE` component, or one derived from it.
    channels
        Declares the likelihood of each image channel.
    shape
        Spatial shape of an image.
    """

    decodes = True
    mean_image: Tensor
    null_deviance: Tensor
    weight: Tensor

    def __init__(self, options: VAE, channels: tuple[Channel, ...], shape: tuple[int, ...]) -> None:
        super().__init__()
        self.latent_dim = options.latent_dim
        self.beta = options.beta
        self.reduction = options.reduction
        self.head = None
        self.prior_mean: nn.Linear | None = None
        self.input = InputScale(channels, shape)
        plan = geometry(shape, options.patch, options.width, options.blocks)
        self.encoder = Encoder(len(channels), plan, options.norm, options.dropout)
        self.mu = nn.Linear(plan.features, options.latent_dim)
        self.logvar = nn.Linear(plan.features, options.latent_dim)
        self.decoder = Decoder(options.latent_dim, len(channels), plan, options.norm, options.dropout)
        self.register_buffer("mean_image", torch.zeros(len(channels), *shape))
        self.bernoulli = [index for index, channel in enumerate(channels) if channel.likelihood == "bernoulli"]
        self.gaussian = [index for index, channel in enumerate(channels) if channel.likelihood == "gaussian"]
        # How much of a mask there is: a shift of its log-odds, equal in every voxel. Convolutions learn where lesions
        # are long before they learn this, and a traversal shows it first.
        self.amount = nn.Linear(options.latent_dim, len(self.bernoulli), bias=False) if self.bernoulli else None
        if self.amount is not None:
            nn.init.zeros_(self.amount.weight)
        # The same for the encoder: among small lesions, voxels of a normalised feature map barely tell the volume.
        self.mask_volume = None
        if options.mask_volume and self.bernoulli:
            self.mask_volume = nn.Linear(len(self.bernoulli), options.latent_dim, bias=False)
            nn.init.zeros_(self.mask_volume.weight)
        sigma = [1.0 if channels[index].standardise else SIGMA for index in self.gaussian]
        self.log_sigma = nn.Parameter(torch.tensor(sigma).log(), requires_grad=options.sigma == "learned")
        if self.reduction == "share":
            self.register_buffer("null_deviance", torch.full((len(channels),), float(math.prod(shape))))
        self.weight_by_events = self.reduction == "share" and not options.reconstruction_weight
        self.register_buffer("weight", torch.tensor(options.reconstruction_weight or 1.0), self.reduction == "share")

    def fit_input(self, centre: Tensor, scale: Tensor) -> None:
        """Take mean and standard deviation of the training images, each (C, *shape).

        The decoder starts from the mean image and learns what differs, which saves hundreds of updates.
        """
        self.input.fit(centre, scale)
        mean = self.input(centre[None])[0].clone()  # without a standardised channel it is `centre` itself
        mean[self.bernoulli] = mean[self.bernoulli].clamp(LEAST_FRACTION, 1 - LEAST_FRACTION).logit()
        self.mean_image.copy_(mean)
        if self.reduction == "share":
            # A constant value of a standardised channel has scale 1, but deviation 0: it adds nothing here.
            deviance = (scale / self.input.scale).square()
            deviance[self.bernoulli] = binary_entropy(centre[self.bernoulli])
            self.null_deviance.copy_(self._not_too_small(deviance.double().flatten(1).sum(1)))

    def fit_entropy(self, entropy: Tensor) -> None:
        """Take the mean entropy (C,) of the training images: cross-entropy that no decoder can avoid on fractions."""
        if self.reduction == "share":
            entropy = entropy.to(self.null_deviance)
            self.null_deviance[self.bernoulli] -= entropy[self.bernoulli]
            self.null_deviance.copy_(self._not_too_small(self.null_deviance))

    def fit_outcome(self, duration: Tensor, event: Tensor) -> None:
        """Choose the weight of the reconstruction by the number of training events, where the options leave it open."""
        super().fit_outcome(duration, event)
        if self.weight_by_events:
            self.weight.fill_(weight_by_events(int(event.sum())))

    @property
    def loss_weights(self) -> dict[str, float]:
        """Weight of each term of the loss."""
        return {"reconstruction": float(self.weight), "kl": self.beta}

    def _not_too_small(self, deviance: Tensor) -> Tensor:
        return deviance.clamp(min=LEAST_DEVIANCE * self.mean_image[0].numel())

    def posterior(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """μ and log σ², each (n, L) float32, of images (n, C, *shape)."""
        return self._posterior(self.input(image))

    def _posterior(self, scaled: Tensor) -> tuple[Tensor, Tensor]:
        features = self.encoder(scaled)
        with torch.autocast(features.device.type, enabled=False):
            features = full_precision(features)
            mu = self.mu(features)
            if self.mask_volume is not None:
                mu = mu + AMOUNT_GAIN * self.mask_volume(self.log_volume(full_precision(scaled[:, self.bernoulli])))
            return mu, self.logvar(features).clamp(-12, 12)

    def log_volume(self, masks: Tensor) -> Tensor:
        """log((v + 1) / (m + 1)) of masks (n, B, *shape), (n, B); v is the volume in voxels, m that of the mean image.

        One voxel is added so that an empty mask has a finite value.
        """
        mean = self.mean_image[self.bernoulli].sigmoid().flatten(1).sum(1)
        return ((masks.flatten(2).sum(2) + 1) / (mean + 1)).log()

    def decode(self, z: Tensor) -> Tensor:
        """Expected images (n, C, *shape) float32 of latents (n, L): fractions for Bernoulli, means for Gaussian."""
        image = self._output(z)
        if self.bernoulli:
            image[:, self.bernoulli] = image[:, self.bernoulli].sigmoid()
        return self.input.inverse(image)

    def _output(self, z: Tensor) -> Tensor:
        """Logits of Bernoulli and means of Gaussian channels, (n, C, *shape) float32."""
        output: Tensor = full_precision(self.decoder(z)) + self.mean_image
        if self.amount is not None:
            with torch.autocast(z.device.type, enabled=False):
                amount = AMOUNT_GAIN * self.amount(self.decoder.compress(full_precision(z)))
            output[:, self.bernoulli] += amount.reshape(*amount.shape, *(1 for _ in output.shape[2:]))
        return output

    def loss(self, batch: Batch) -> Loss:
        """β-VAE loss: reconstruction plus β·KL, averaged over subjects."""
        terms, record, _ = self.vae_loss(batch.image)
        return Loss(terms, record)

    def vae_loss(
        self, image: Tensor, covariates: Tensor | None = None
    ) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
        """Terms of equation (1), what they are made of, and the latents z (n, L) on which they were taken.

        z is a sample in training and μ in evaluation, so that validation has no noise. A latent dimension is active
        where q moves away from the standard normal, whatever the prior.
        """
        scaled = self.input(image)
        mu, logvar = self._posterior(scaled)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp() if self.training else mu
        reconstruction = self.reconstruction(self._output(z), scaled)
        centre = self.prior_centre(covariates)
        kl_nats = self.kl(mu - centre, logvar, z - centre).mean()
        active = (normal_kl(mu - centre, logvar).detach().mean(dim=0) > ACTIVE_NATS).sum()
        terms = {"reconstruction": self.weight * reconstruction, "kl": self.beta * kl_nats}
        return terms, {"reconstruction": reconstruction, "kl_nats": kl_nats, "active_units": active}, z

    def prior_centre(self, covariates: Tensor | None) -> Tensor | float:
        """Mean Wx (n, L) of a prior that is conditional on covariates x (n, P); 0 for another."""
        if self.prior_mean is None or covariates is None:
            return 0.0
        with torch.autocast(covariates.device.type, enabled=False):
            centre: Tensor = self.prior_mean(covariates)
            return centre

    def kl(self, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        """KL(q(z|x) ‖ p(z)) in nats, (n,), for the standard normal prior.

        Parameters
        ----------
        mu, logvar
            (n, L) float32 of q, relative to the mean of a conditional prior.
        z
            (n, L) the latents that are decoded, relative to the same: a sample of q in training, μ in evaluation. An
            estimate by sampling can use them in training; here the KL is known in closed form.
        """
        return normal_kl(mu, logvar).sum(dim=1)

    def reconstruction(self, output: Tensor, target: Tensor) -> Tensor:
        """Reconstruction loss before its weight, averaged over subjects.

        With `reduction` "share", the deviance of each channel as a share of that of the mean training image, averaged
        over channels: 1 is a decoder that ignores its input, 0 a perfect one, whatever the size of the image, the
        number of channels or the rarity of a lesion. Otherwise −log p(x|z), averaged or summed over voxels
        and channels.

        Parameters
        ----------
        output
            (n, C, *shape) of the decoder: logits for Bernoulli channels, means for Gaussian ones.
        target
            (n, C, *shape) scaled images.
        """
        if self.reduction == "share":
            return (self.deviance(output, target) / self.null_deviance).mean()
        likelihoods = [_cross_entropy(output[:, index], target[:, index]) for index in self.bernoulli]
        for index, log_sigma in zip(self.gaussian, self.log_sigma, strict=True):
            error = (output[:, index] - target[:, index]).square() / (2 * (2 * log_sigma).exp())
            # With σ fixed, its constants would only shift the loss and the recorded share of each term.
            likelihoods.append(error + log_sigma + 0.5 * math.log(2 * math.pi) if log_sigma.requires_grad else error)
        voxels = torch.stack(likelihoods, dim=1).flatten(1)
        return (voxels.mean(dim=1) if self.reduction == "mean" else voxels.sum(dim=1)).mean()

    def deviance(self, output: Tensor, target: Tensor) -> Tensor:
        """Deviance (n, C) of each channel, summed over voxels, from outputs and scaled images (n, C, *shape).

        Bernoulli: cross-entropy less the entropy of the target, so that a perfect decoder has 0 on fractions, too.
        Gaussian: squared error.
        """
        channels: list[Tensor] = []
        for index in range(output.shape[1]):
            if index in self.bernoulli:
                entropy = binary_entropy(target[:, index]).flatten(1).sum(1)
                channels.append(_cross_entropy(output[:, index], target[:, index]).flatten(1).sum(1) - entropy)
            else:
                channels.append((output[:, index] - target[:, index]).square().flatten(1).sum(1))
        return torch.stack(channels, dim=1)


def weight_by_events(n_events: int) -> float:
    """Default weight of the reconstruction as a share, by the number of training events.

    With few events the reconstruction regularises the hazard; with many it competes with it. So the weight follows the
    standard error of the Cox term, 1/√n_events, from 25 at 1,000 events and fewer to 4 at 39,000 and more: the values
    that were best in `benchmarks/results/readable.md`.
    """
    return max(4.0, 25 * min(1.0, math.sqrt(1000 / max(n_events, 1))))


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none")
