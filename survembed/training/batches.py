"""Which subjects an update sees: a function of the seed and the number of the batch.

Nothing is remembered from batch to batch, so that a training can be taken up at any update, batches can be read ahead,
and every process of a distributed training draws the same ones.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor


def derived_seed(seed: int, *numbers: int) -> int:
    """A seed of its own for each of `numbers` under `seed`; neighbouring numbers give unrelated chance."""
    return int(np.random.SeedSequence([seed, *numbers]).generate_state(1, np.uint64)[0] >> 1)


class Batches(Protocol):
    """Endless batches, by number from 0."""

    def __getitem__(self, number: int) -> Tensor:
        """Positions (size,) int64 of the batch with this number."""
        ...


class Shuffled:
    """Batches from shuffled passes: every batch is full, each subject comes once a pass.

    Parameters
    ----------
    index
        (n,) positions of the training part.
    size
        Subjects in a batch.
    seed
        Decides all batches.
    """

    def __init__(self, index: Tensor, size: int, seed: int) -> None:
        self.index, self.size, self.seed = index, size, seed
        self._passes: dict[int, Tensor] = {}

    def __getitem__(self, number: int) -> Tensor:
        """Positions (size,) int64 of the batch with this number."""
        first, n = number * self.size, len(self.index)
        wanted = range(first // n, (first + self.size - 1) // n + 1)
        self._passes = {which: self._pass(which) for which in wanted}
        start = first - wanted[0] * n
        return torch.cat(list(self._passes.values()))[start : start + self.size]

    def _pass(self, which: int) -> Tensor:
        if which in self._passes:
            return self._passes[which]
        generator = torch.Generator().manual_seed(derived_seed(self.seed, which))
        return self.index[torch.randperm(len(self.index), generator=generator)]


class Stratified:
    """Batches in which events have the share they have in the training part, and at least one place.

    Parameters
    ----------
    index
        (n,) positions of the training part, some with an event and some censored.
    event
        (N,) bool over the whole cohort.
    size, seed
        As for `Shuffled`.
    """

    def __init__(self, index: Tensor, event: Tensor, size: int, seed: int) -> None:
        seen = event[index]
        places = min(max(1, round(size * int(seen.sum()) / len(index))), size - 1)
        self.with_event = Shuffled(index[seen], places, derived_seed(seed, 1))
        self.censored = Shuffled(index[~seen], size - places, derived_seed(seed, 0))

    def __getitem__(self, number: int) -> Tensor:
        """Positions (size,) int64 of the batch with this number."""
        return torch.cat([self.with_event[number], self.censored[number]])


def batches(sampler: str, index: Tensor, event: Tensor, size: int, seed: int) -> Batches:
    """The batches of a training: `shuffle`, or `events`, which is the same where there is nothing to stratify."""
    n_events = int(event[index].sum())
    if sampler == "events" and 0 < n_events < len(index) and size > 1:
        return Stratified(index, event, size, seed)
    return Shuffled(index, size, seed)
