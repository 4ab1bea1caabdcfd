"""Which subjects an update sees, and how their images are varied."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


def _endless(index: Tensor, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """`size` positions at a time from shuffled passes: every batch is full, no subject is left out."""
    rest = index[:0]
    while True:
        while len(rest) < size:
            rest = torch.cat([rest, index[torch.randperm(len(index), generator=generator)]])
        yield rest[:size]
        rest = rest[size:]


def shuffled(index: Tensor, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Endless batches of `size` positions out of `index` (n,), each subject once a pass."""
    return _endless(index, size, generator)


def stratified(index: Tensor, event: Tensor, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Endless batches in which events have the share they have in `index`, and at least one place.

    Parameters
    ----------
    index
        (n,) positions of the training part.
    event
        (N,) bool over the whole cohort.
    size
        Subjects in a batch.
    generator
        Source of chance.
    """
    seen = event[index]
    n_events = int(seen.sum())
    if n_events in (0, len(index)):
        yield from _endless(index, size, generator)
        return
    places = min(max(1, round(size * n_events / len(index))), size - 1) if size > 1 else 1
    with_event = _endless(index[seen], places, generator)
    if places == size:
        yield from with_event
        return
    censored = _endless(index[~seen], size - places, generator)
    while True:
        yield torch.cat([next(with_event), next(censored)])


def shift(image: Tensor, largest: float, generator: torch.Generator) -> Tensor:
    """Move each image by whole voxels, up to `largest` of its edge along each axis; what comes in is 0.

    Parameters
    ----------
    image
        (n, C, *spatial); of a table nothing is moved.
    largest
        Share of the edge.
    """
    if largest == 0 or image.ndim < 4:
        return image
    for axis in range(2, image.ndim):
        edge = image.shape[axis]
        reach = int(largest * edge)
        steps = torch.randint(-reach, reach + 1, (len(image),), generator=generator).to(image.device)
        position = torch.arange(edge, device=image.device)[None] - steps[:, None]
        inside = (position >= 0) & (position < edge)
        broad = [len(image), *(1 for _ in image.shape[1:])]
        broad[axis] = edge
        where = position.clamp(0, edge - 1).reshape(broad).expand_as(image)
        image = image.gather(axis, where) * inside.reshape(broad)
    return image
