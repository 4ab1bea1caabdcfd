"""One Cox likelihood over more subjects than one forward pass holds: those of other micro-batches and processes.

A Cox head hands its rows to `join`. Usually they come back as they are. While a training shares risk sets, the other
rows of the update are put around them as constants, so that the likelihood is that of the whole update, while gradients
flow through the rows at hand only. Summed over all passes these are the gradients of the whole likelihood.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Rows(NamedTuple):
    """Subjects of a risk set.

    Attributes
    ----------
    log_hazard
        (n,) floating.
    duration
        (n,) float64.
    event
        (n,) bool.
    """

    log_hazard: Tensor
    duration: Tensor
    event: Tensor


class Sharing(Protocol):
    """What stands behind `join` while risk sets are shared."""

    def join(self, rows: Rows) -> tuple[Rows, float]:
        """The rows of the whole update around `rows`, and how many times as many they are."""
        ...


class Collecting:
    """Remembers the rows that pass, without their graph, and gives them back alone: the first of two passes."""

    def __init__(self) -> None:
        self.rows: list[Rows] = []

    def join(self, rows: Rows) -> tuple[Rows, float]:
        """`rows`, remembered."""
        self.rows.append(Rows(rows.log_hazard.detach(), rows.duration, rows.event))
        return rows, 1.0


class Surrounding:
    """Puts the rows at hand back into all rows of the update, which are constants.

    Parameters
    ----------
    everyone
        Rows of the whole update.
    start
        Where among them the rows at hand begin.
    """

    def __init__(self, everyone: Rows, start: int) -> None:
        self.everyone, self.start = everyone, start

    def join(self, rows: Rows) -> tuple[Rows, float]:
        """All rows, those at hand with their graph."""
        before, end = self.everyone.log_hazard[: self.start], self.start + len(rows.log_hazard)
        log_hazard = torch.cat([before, rows.log_hazard, self.everyone.log_hazard[end:]])
        return self.everyone._replace(log_hazard=log_hazard), len(log_hazard) / len(rows.log_hazard)


_sharing: Sharing | None = None


@contextmanager
def shared(sharing: Sharing) -> Iterator[None]:
    """Let `join` in this block go through `sharing`."""
    global _sharing
    before, _sharing = _sharing, sharing
    try:
        yield
    finally:
        _sharing = before


def join(log_hazard: Tensor, duration: Tensor, event: Tensor) -> tuple[Rows, float]:
    """Rows over which a Cox likelihood is taken, and the factor by which `rescaled` must raise its gradient.

    Parameters
    ----------
    log_hazard, duration, event
        (n,) each, of the subjects at hand.

    Returns
    -------
    All rows of the update (N,), and N / n; the same rows and 1 where nothing is shared.
    """
    rows = Rows(log_hazard, duration, event)
    return _sharing.join(rows) if _sharing else (rows, 1.0)


def rescaled(loss: Tensor, factor: float) -> Tensor:
    """`loss` with its value kept and its gradient times `factor`.

    A likelihood over N rows of which n have a graph gives n / N of what a mean over those n rows would count, once
    passes of n rows are averaged: hence N / n.
    """
    return loss if factor == 1.0 else factor * loss - (factor - 1.0) * loss.detach()
