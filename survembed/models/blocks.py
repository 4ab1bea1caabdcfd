"""Residual encoder and decoder in 1-D, 2-D and 3-D from one set of blocks.

No convolution runs at full resolution: patches become channels on the way in (space to depth) and channels become
patches on the way out, both without loss. A table of d columns is the case of one patch of length d on a grid of one
cell, where a convolution is a linear layer.
"""

from __future__ import annotations

from math import ceil, log2, prod
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 — the name every torch user knows

Norm = Literal["batch", "group", "none"]


class Conv3d(nn.Conv3d):
    """A 3-D convolution that is as fast for one image as for each of several.

    For a single float32 image on a CPU, torch does not use oneDNN and takes twice as long, which delays every slider of
    the explorer. Without gradients, this class calls oneDNN directly.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Features (n, C, *grid) to (n, C', *grid')."""
        single = len(input) == 1 and input.device.type == "cpu" and input.dtype == self.weight.dtype == torch.float32
        plain = not torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")
        if not (single and plain and torch.backends.mkldnn.is_available()):
            return super().forward(input)
        assert not isinstance(self.padding, str)
        return torch.mkldnn_convolution(
            input, self.weight, self.bias, self.padding, self.stride, self.dilation, self.groups
        )


CONVOLUTIONS: dict[int, type[nn.Conv1d] | type[nn.Conv2d] | type[nn.Conv3d]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: Conv3d}
BATCH_NORMS: dict[int, type[nn.Module]] = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def space_to_depth(x: Tensor, patch: tuple[int, ...]) -> Tensor:
    """(n, C, *spatial) to (n, C·Πpatch, *spatial / patch), the voxels of each patch side by side as channels."""
    n, channels, *spatial = x.shape
    split = [size for edge, p in zip(spatial, patch, strict=True) for size in (edge // p, p)]
    axes = len(spatial)
    inside = [3 + 2 * axis for axis in range(axes)]
    grid = [2 + 2 * axis for axis in range(axes)]
    return (
        x.reshape(n, channels, *split)
        .permute(0, 1, *inside, *grid)
        .reshape(n, channels * prod(patch), *(edge // p for edge, p in zip(spatial, patch, strict=True)))
    )


def depth_to_space(x: Tensor, patch: tuple[int, ...]) -> Tensor:
    """The inverse of `space_to_depth`."""
    n, channels, *grid = x.shape
    axes = len(grid)
    order = [index for axis in range(axes) for index in (2 + axes + axis, 2 + axis)]
    return (
        x.reshape(n, channels // prod(patch), *patch, *grid)
        .permute(0, 1, *order)
        .reshape(n, channels // prod(patch), *(cells * p for cells, p in zip(grid, patch, strict=True)))
    )


class Level(NamedTuple):
    """One residual block's place: features and grid after it."""

    width: int
    grid: tuple[int, ...]


class Geometry(NamedTuple):
    """How an image of some shape passes through the network."""

    shape: tuple[int, ...]
    patch: tuple[int, ...]
    levels: tuple[Level, ...]

    @property
    def grid(self) -> tuple[int, ...]:
        """Cells of the image after space to depth."""
        return tuple(ceil(edge / p) for edge, p in zip(self.shape, self.patch, strict=True))

    @property
    def features(self) -> int:
        """Numbers left after the last block, flattened."""
        return self.levels[-1].width * prod(self.levels[-1].grid)


LARGE_GRID = 32
"""Four blocks bring an edge of this many cells to 4; a larger one takes a block more for each doubling."""


def geometry(shape: tuple[int, ...], patch: int, width: int, blocks: int) -> Geometry:
    """Plan a network: patches, then residual blocks that halve the grid while an edge is above 4 cells.

    A short axis keeps 2 cells or more while the others are halved: 8 × 256 × 256 ends with 2 × 4 × 4.

    Parameters
    ----------
    shape
        Spatial shape; (d,) for a table.
    patch
        Edge of a patch; 0 chooses the whole row for a table, 4 for images of 24 and more a side, 2 from 16 on, else 1:
        by the shortest side of a picture, along each axis of a volume.
    width
        Features of the first block, doubled with each halving, up to fourfold; 0 chooses 64 for a table, else 16.
    blocks
        Number of residual blocks; one more for each doubling of the longest edge beyond `LARGE_GRID` cells.
    """
    plan = Geometry(shape, _patches(shape, patch), ())
    width = width or (64 if len(shape) == 1 else 16)
    levels = [Level(width, plan.grid)]
    for _ in range(blocks - 1 + max(0, ceil(log2(max(plan.grid) / LARGE_GRID)))):
        last, grid = levels[-1]
        halve = max(grid) > 4
        after = tuple(ceil(cells / 2) if cells > 2 else cells for cells in grid)
        levels.append(Level(min(2 * last, 4 * width), after) if halve else Level(last, grid))
    return plan._replace(levels=tuple(levels))


def _patches(shape: tuple[int, ...], patch: int) -> tuple[int, ...]:
    """Edges of a patch; a volume with few slices would otherwise be convolved at full resolution."""
    if len(shape) == 1:
        return shape
    edges = shape if len(shape) == 3 else (min(shape),) * len(shape)
    return tuple(patch or (4 if edge >= 24 else 2 if edge >= 16 else 1) for edge in edges)


def _convolution(source: int, target: int, grid: tuple[int, ...], stride: tuple[int, ...] | None = None) -> nn.Module:
    """Kernel 3 on a grid, kernel 1 (a linear layer) on a single cell."""
    kernel = 3 if max(grid) > 1 else 1
    strides: Any = stride or 1  # torch's types want a tuple of a known length
    return CONVOLUTIONS[len(grid)](source, target, kernel, strides, kernel // 2)


def _norm(norm: Norm, axes: int, width: int) -> nn.Module:
    if norm == "batch":
        return BATCH_NORMS[axes](width)
    return nn.GroupNorm(max(1, min(8, width // 4)), width) if norm == "group" else nn.Identity()


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut: y = act(x' + F(x)), with x' = x or its projection.

    Parameters
    ----------
    source, target
        Feature channels before and after.
    grid
        Cells of the input along each axis.
    stride
        2 halves the grid (rounded up); one number, or one for each axis.
    norm, dropout
        Normalisation and dropout inside F.
    """

    def __init__(
        self,
        source: int,
        target: int,
        grid: tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        norm: Norm = "batch",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        axes = len(grid)
        strides = stride if isinstance(stride, tuple) else (stride,) * axes
        self.inner = nn.Sequential(
            _convolution(source, target, grid, strides),
            _norm(norm, axes, target),
            nn.SiLU(),
            nn.Dropout(dropout),
            _convolution(target, target, grid),
            _norm(norm, axes, target),
        )
        same = source == target and max(strides) == 1
        self.shortcut = nn.Identity() if same else CONVOLUTIONS[axes](source, target, 1)
        # Cells are taken before the projection: the gradient of oneDNN's own stride writes beyond its memory where 4
        # channels come in (torch 2.13, a CPU without AVX-512).
        self.cells = (slice(None), slice(None), *(slice(None, None, each) for each in strides))

    def forward(self, x: Tensor) -> Tensor:
        """Features (n, source, *grid) to (n, target, *grid / stride)."""
        return F.silu(self.shortcut(x[self.cells]) + self.inner(x))


class Encoder(nn.Module):
    """Images (n, C, *shape) to features (n, F)."""

    def __init__(self, channels: int, plan: Geometry, norm: Norm, dropout: float) -> None:
        super().__init__()
        self.plan = plan
        first = plan.levels[0]
        layers: list[nn.Module] = [_convolution(channels * prod(plan.patch), first.width, plan.grid)]
        before = first
        for level in plan.levels:
            stride = tuple(1 if cells == n else 2 for cells, n in zip(before.grid, level.grid, strict=True))
            layers.append(ResidualBlock(before.width, level.width, before.grid, stride, norm, dropout))
            before = level
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        """Features (n, F) of images (n, C, *shape)."""
        missing = [
            cells * p - edge for cells, p, edge in zip(self.plan.grid, self.plan.patch, self.plan.shape, strict=True)
        ]
        if any(missing):
            image = F.pad(image, [size for edge in reversed(missing) for size in (0, edge)])
        features: Tensor = self.layers(channels_last(space_to_depth(image, self.plan.patch)))
        return features.flatten(1)


REACH = 3.0
"""Latents up to this size reach the decoder nearly unchanged, larger ones on a logarithmic scale."""


class Decoder(nn.Module):
    """Latents (n, L) to images (n, C, *shape), before any link function."""

    reach: Tensor

    def __init__(self, latent_dim: int, channels: int, plan: Geometry, norm: Norm, dropout: float) -> None:
        super().__init__()
        self.plan = plan
        self.register_buffer("reach", torch.tensor(REACH))
        self.project = nn.Linear(latent_dim, plan.features)
        levels = plan.levels[::-1]
        following = (*levels[1:], levels[-1])
        self.blocks = nn.ModuleList(
            ResidualBlock(level.width, after.width, level.grid, 1, norm, dropout)
            for level, after in zip(levels, following, strict=True)
        )
        self.grids = [level.grid for level in following]
        self.out = _convolution(levels[-1].width, channels * prod(plan.patch), plan.grid)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Load weights; those of version 0.1.0 have no `reach`, and were trained with 1."""
        state_dict.setdefault(f"{prefix}reach", torch.ones_like(self.reach))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def compress(self, z: Tensor) -> Tensor:
        """Latents (n, L), those beyond `reach` on a logarithmic scale.

        The network would run far beyond what it has seen where no training subject is, and a traversal would show
        organs that no scan supports. Within `reach` the scale is linear: else the encoder places subjects with large
        lesions exponentially far out, where they rule the variance of the latents.
        """
        return self.reach * (z / self.reach).asinh()

    def forward(self, z: Tensor) -> Tensor:
        """Images (n, C, *shape) of latents (n, L)."""
        last = self.plan.levels[-1]
        features = self.project(self.compress(z))
        x = channels_last(features.reshape(len(z), last.width, *last.grid))
        for block, grid in zip(self.blocks, self.grids, strict=True):
            x = block(x)
            if x.shape[2:] != grid:
                x = F.interpolate(x, size=grid, mode="nearest")
        image = depth_to_space(self.out(x), self.plan.patch)
        for axis, edge in enumerate(self.plan.shape, start=2):
            image = image.narrow(axis, 0, edge)
        return image


def channels_last(x: Tensor) -> Tensor:
    """Features with channels innermost in memory, where convolutions run fastest; 1-D features as they are."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    return x.contiguous(memory_format=formats[x.ndim]) if x.ndim in formats else x
