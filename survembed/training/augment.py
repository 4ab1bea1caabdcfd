"""Random augmentation of images on their device, against overfitting of small cohorts.

Random numbers come from the default generator of the device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 — the name every torch user knows

from survembed.training.options import TrainOptions


@dataclass(frozen=True)
class Augmentation:
    """Random augmentation of the images of a batch; a table does not change.

    Attributes
    ----------
    shift
        Largest shift as a share of the edge, by whole voxels: masks stay exact.
    rotate
        Largest angle in degrees, in each plane.
    intensity
        Largest relative change of contrast, and change of brightness as a share of the window, of Gaussian channels.
    flip
        Axes, counted from 0, along which an image may be mirrored.
    gaussian
        Positions of the Gaussian channels.
    """

    shift: float = 0.0
    rotate: float = 0.0
    intensity: float = 0.0
    flip: tuple[int, ...] = ()
    gaussian: tuple[int, ...] = ()

    @classmethod
    def of(cls, options: TrainOptions, gaussian: Sequence[int]) -> Augmentation:
        """The augmentation of the training options, for images with these Gaussian channels."""
        return cls(options.shift or 0.0, options.rotate, options.intensity, options.flip, tuple(gaussian))

    def __call__(self, image: Tensor) -> Tensor:
        """Images (n, C, *spatial), augmented; the input does not change."""
        if image.ndim < 4:
            return image
        image = shifted(image, self.shift)
        image = rotated(image, self.rotate)
        image = flipped(image, self.flip)
        return changed_in_intensity(image, self.intensity, self.gaussian)


def shifted(image: Tensor, largest: float) -> Tensor:
    """Move each image by whole voxels, up to `largest` of its edge along each axis; new voxels are 0."""
    if largest == 0:
        return image
    for axis in range(2, image.ndim):
        edge = image.shape[axis]
        reach = int(largest * edge)
        steps = torch.randint(-reach, reach + 1, (len(image),), device=image.device)
        position = torch.arange(edge, device=image.device)[None] - steps[:, None]
        inside = (position >= 0) & (position < edge)
        broad = [len(image), *(1 for _ in image.shape[1:])]
        broad[axis] = edge
        where = position.clamp(0, edge - 1).reshape(broad).expand_as(image)
        image = image.gather(axis, where) * inside.reshape(broad)
    return image


def rotated(image: Tensor, largest: float) -> Tensor:
    """Rotate each image about its centre by up to `largest` degrees in each plane, linearly; new voxels are 0."""
    if largest == 0:
        return image
    axes = image.ndim - 2
    turn = torch.eye(axes, device=image.device).expand(len(image), axes, axes)
    for one in range(axes):
        for other in range(one + 1, axes):
            angle = (2 * torch.rand(len(image), device=image.device) - 1) * math.radians(largest)
            plane = torch.eye(axes, device=image.device).repeat(len(image), 1, 1)
            plane[:, one, one] = plane[:, other, other] = angle.cos()
            plane[:, one, other], plane[:, other, one] = -angle.sin(), angle.sin()
            turn = turn @ plane
    edges = torch.tensor(image.shape[2:], device=image.device, dtype=image.dtype).flip(0)  # grid_sample counts x first
    turn = turn * edges[None, None, :] / edges[None, :, None]  # a rotation in voxels, whatever the shape of the image
    affine = torch.cat([turn, torch.zeros(len(image), axes, 1, device=image.device)], dim=2)
    grid = F.affine_grid(affine, list(image.shape), align_corners=False)
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def flipped(image: Tensor, axes: Sequence[int]) -> Tensor:
    """Mirror each image along each of `axes` with probability one half."""
    for axis in axes:
        heads = torch.rand(len(image), device=image.device) < 0.5
        image = torch.where(heads.reshape(-1, *(1 for _ in image.shape[1:])), image.flip(axis + 2), image)
    return image


def changed_in_intensity(image: Tensor, largest: float, channels: Sequence[int]) -> Tensor:
    """Scale and shift the values of `channels` by up to `largest` each; the background, 0, stays 0."""
    if largest == 0 or not channels:
        return image
    where = torch.tensor(list(channels), device=image.device)
    broad = (len(image), len(channels), *(1 for _ in image.shape[2:]))
    contrast, brightness = (largest * (2 * torch.rand(broad, device=image.device) - 1) for _ in range(2))
    values = image[:, where]
    return image.index_copy(1, where, torch.where(values == 0, values, values * (1 + contrast) + brightness))
