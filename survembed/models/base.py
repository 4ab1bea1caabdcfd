"""What every embedding model is: the interface that training, embedding and traversal rely on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from survembed.heads.base import Head
from survembed.survival.batch import Batch

if TYPE_CHECKING:
    from survembed.cohort.subjects import Channel


@dataclass(frozen=True)
class Loss:
    """The loss of a batch.

    Attributes
    ----------
    terms
        Weighted scalar terms by name; their sum is minimised. A term's share is its part of the sum.
    record
        Unweighted scalars worth logging: `reconstruction`, `kl_nats`, `cox`.
    """

    terms: dict[str, Tensor]
    record: dict[str, Tensor]

    @property
    def shares(self) -> dict[str, float]:
        """Part of each term in the sum of their sizes, in [0, 1]; a host synchronisation."""
        sizes = {name: abs(float(term.detach())) for name, term in self.terms.items()}
        return {name: size / (sum(sizes.values()) or 1.0) for name, size in sizes.items()}

    @property
    def total(self) -> Tensor:
        """Sum of the terms, a scalar."""
        return torch.stack(list(self.terms.values())).sum()

    def detached(self) -> Loss:
        """The same numbers without their graph."""
        return Loss(
            {name: term.detach() for name, term in self.terms.items()},
            {name: value.detach() for name, value in self.record.items()},
        )


CONSTANT = 1e-6
"""A deviation below this share of the mean is float32's rounding of a constant: nothing to divide by."""


class InputScale(nn.Module):
    """Centres and scales the channels that ask for it by the training part; leaves the others alone.

    The numbers are buffers, so that they travel with the weights.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, channels: Sequence[Channel], shape: Sequence[int]) -> None:
        super().__init__()
        self.standardise = [index for index, channel in enumerate(channels) if channel.standardise]
        size = (len(channels), *shape) if self.standardise else (1,)
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))

    def fit(self, centre: Tensor, scale: Tensor) -> None:
        """Take mean and standard deviation, each (C, *spatial); a constant value is only centred."""
        for index in self.standardise:
            self.centre[index] = centre[index]
            varies = scale[index] > CONSTANT * centre[index].abs()
            self.scale[index] = torch.where(varies, scale[index], 1.0)

    def forward(self, image: Tensor) -> Tensor:
        """Images (n, C, *spatial) as the network wants them."""
        return (image - self.centre) / self.scale if self.standardise else image

    def inverse(self, image: Tensor) -> Tensor:
        """Images (n, C, *spatial) in the units of the cohort."""
        return image * self.scale + self.centre if self.standardise else image


class Model(nn.Module):
    """Embeds images; may decode latents and predict log-hazards.

    What `survembed.testing` holds a model to: weights and samples are drawn from torch's generator, which the caller
    seeds, and nothing draws in evaluation mode, where a subject's latents do not depend on the batch. All that is
    learnt is in `state_dict`. Losses and gradients stay finite without an event and for constant images, and latents
    up to 100 in size decode. `build` refuses images that it cannot take with a `SurvembedError`.

    Attributes
    ----------
    latent_dim
        L, the number of latent dimensions.
    decodes
        Whether `decode` works.
    head
        The module that maps latents to log-hazards; None for a model without one.
    """

    latent_dim: int
    decodes: bool
    head: Head | None

    def fit_input(self, centre: Tensor, scale: Tensor) -> None:
        """Take mean and standard deviation of the training images, (C, *spatial); used by `standardise` channels."""
        raise TypeError(f"{type(self).__name__} must implement fit_input")

    def fit_entropy(self, entropy: Tensor) -> None:
        """Take the mean entropy in nats of the training images, (C,) summed over voxels; 0 for Gaussian channels.

        Called after `fit_input`. Only a loss that reports a share of the cross-entropy needs it.
        """

    def fit_outcome(self, duration: Tensor, event: Tensor) -> None:
        """Tell the head, where there is one, durations (n,) and events (n,) of the training part."""
        if self.head is not None:
            self.head.fit_outcome(duration, event)

    @property
    def loss_weights(self) -> dict[str, float]:
        """Weight of each term of the loss by name, for the record of a run; empty where terms have none."""
        return {}

    def posterior(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        """Mean μ and log-variance, each (n, L) float32, of the latents of images (n, C, *spatial).

        The log-variance is None for a deterministic embedding. μ is what embedding, evaluation and figures use.
        """
        raise TypeError(f"{type(self).__name__} must implement posterior")

    def decode(self, z: Tensor) -> Tensor:
        """Expected images (n, C, *spatial) float32 of latents (n, L)."""
        raise TypeError(f"{type(self).__name__} does not decode")

    def loss(self, batch: Batch) -> Loss:
        """The loss of a batch, as it is minimised in training mode and monitored in evaluation mode."""
        raise TypeError(f"{type(self).__name__} must implement loss")

    def log_hazard(self, z: Tensor) -> Tensor:
        """Log-hazard (n,) of latents (n, L); higher dies sooner."""
        if self.head is None:
            raise TypeError(f"{type(self).__name__} has no head")
        hazard: Tensor = self.head(z)
        return hazard


def full_precision(x: Tensor) -> Tensor:
    """bf16 and half as float32; float32 and float64 as they are: for μ, log-variance, head and losses."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def parameter_groups(model: Model) -> tuple[Sequence[nn.Parameter], Sequence[nn.Parameter]]:
    """Parameters of encoder and decoder, and those of the head: the paper gives them two optimisers."""
    head = [] if model.head is None else list(model.head.parameters())
    of_head = {id(parameter) for parameter in head}
    return [parameter for parameter in model.parameters() if id(parameter) not in of_head], head
