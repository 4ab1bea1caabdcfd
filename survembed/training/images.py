"""Images by position: on the device as stored when they fit, else read from the cohort batch by batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from survembed.models.losses import binary_entropy
from survembed.storage.memory import free_memory as free_main_memory

if TYPE_CHECKING:
    from survembed.cohort.cohort import Cohort
    from survembed.cohort.subjects import Channel

SHARE_OF_MEMORY = 0.4
"""A cohort is held whole when it takes less than this share of the device's free memory."""


VALUES_IN_DOUBLE = 2**24
"""Numbers of images that `Images.moments` reads at once: 64 MB, and some 400 MB with their squares in float64."""


class Moments(NamedTuple):
    """Statistics of the training images that a model needs before training.

    Attributes
    ----------
    mean, deviation
        Mean and standard deviation of each voxel, each (C, *spatial) float32.
    entropy
        Mean over images of the entropy in nats, summed over voxels: (C,) float64, 0 for channels not Bernoulli.
    """

    mean: Tensor
    deviation: Tensor
    entropy: Tensor


class Images:
    """Images of a cohort or an array, as float32 on a device.

    Parameters
    ----------
    source
        A cohort, all of whose images are used, or an array (n, C, *spatial) of floats.
    device
        Device of the batches.
    hold
        Whether all images are kept on the device, in their stored type; None decides by the free memory.
    channels
        Channels of an array; a cohort declares its own.

    Attributes
    ----------
    shape
        (C, *spatial) of an image.
    gaussian, bernoulli
        Positions of the Gaussian and of the Bernoulli channels.
    """

    def __init__(
        self,
        source: Cohort | NDArray[np.float32],
        device: torch.device,
        hold: bool | None = None,
        channels: Sequence[Channel] = (),
    ) -> None:
        self.device = device
        self._cohort: Cohort | None = None
        self._held: Tensor | None = None
        self._scale = 1.0
        if isinstance(source, np.ndarray):
            self._held = torch.as_tensor(source, dtype=torch.float32, device=device)
            self.shape = source.shape[1:]
        else:
            channels, self._scale = source.channels, source.scale
            self.shape = (len(channels), *source.shape)
            rows = np.arange(len(source.subject_of_image))
            size = len(rows) * source.bytes_per_subject
            if size < SHARE_OF_MEMORY * free_memory(device) if hold is None else hold:
                self._held = torch.from_numpy(source.stored_images(rows)).to(device)
            else:
                self._cohort = source
        self.gaussian = tuple(i for i, channel in enumerate(channels) if channel.likelihood == "gaussian")
        self.bernoulli = tuple(i for i, channel in enumerate(channels) if channel.likelihood == "bernoulli")

    @property
    def dimensions(self) -> int:
        """Number of spatial axes of an image."""
        return len(self.shape) - 1

    @property
    def held(self) -> bool:
        """Whether all images are in the device's memory."""
        return self._held is not None

    def __getitem__(self, index: Tensor) -> Tensor:
        """Images (m, C, *spatial) float32 at positions `index` (m,)."""
        stored = self.read(index) if self._held is None else self._held[index.to(self.device)]
        return self.scaled(stored.to(self.device))

    def read(self, index: Tensor) -> Tensor:
        """Images at `index` in the stored type and in main memory, for images that are not held."""
        assert self._cohort is not None
        return torch.from_numpy(self._cohort.stored_images(index.cpu().numpy()))

    def scaled(self, stored: Tensor) -> Tensor:
        """Stored values (m, C, *spatial) as float32, in new memory."""
        return stored.float().mul_(self._scale) if stored.dtype == torch.uint8 else stored.float()

    def moments(self, index: Tensor, batch_size: int) -> Moments:
        """Mean, standard deviation and mean entropy of the images at `index`, in one pass; less at once if large."""
        batch_size = min(batch_size, max(1, VALUES_IN_DOUBLE // math.prod(self.shape)))
        total: Tensor | None = None
        squares: Tensor | None = None
        entropy: Tensor | None = None
        for part in index.split(batch_size):
            images = self[part]
            batch = images.double()
            total = batch.sum(0) if total is None else total + batch.sum(0)
            squares = batch.square().sum(0) if squares is None else squares + batch.square().sum(0)
            entropy = batch.new_zeros(batch.shape[1]) if entropy is None else entropy
            for channel in self.bernoulli:
                entropy[channel] += binary_entropy(images[:, channel]).sum(dtype=torch.float64)
        assert total is not None
        assert squares is not None
        assert entropy is not None
        mean = total / len(index)
        variance = (squares / len(index) - mean.square()).clamp(min=0)
        return Moments(mean.float(), variance.sqrt().float(), entropy / len(index))


def free_memory(device: torch.device) -> float:
    """Free bytes of a device."""
    return float(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else free_main_memory()
