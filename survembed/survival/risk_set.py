"""Risk set of an update: the subjects of other micro-batches and processes count in a Cox likelihood, too.

A batch carries its risk set. A Cox head asks it for all rows of the update; the rows of other passes are constants, so
that gradients flow through the rows at hand only. Summed over all passes these are the gradients of the whole
likelihood.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """Subjects of a risk set; unpacks into its columns, with `entry` where subjects enter late.

    Attributes
    ----------
    log_hazard
        (n,) floating.
    duration
        (n,) float64.
    event
        (n,) bool.
    entry
        (n,) float64 time of late entry; None where there is none.
    """

    log_hazard: Tensor
    duration: Tensor
    event: Tensor
    entry: Tensor | None = None

    def __iter__(self) -> Iterator[Tensor]:
        yield from (self.log_hazard, self.duration, self.event)
        if self.entry is not None:
            yield self.entry


class RiskSet:
    """The subjects of the batch alone."""

    def join(self, rows: Rows) -> tuple[Rows, float]:
        """The rows of the whole update (N,) around `rows` (n,), and N / n, the factor for `rescaled`."""
        return rows, 1.0


BATCH_ALONE = RiskSet()


class Collecting(RiskSet):
    """Keeps the rows of each batch without their graph: the first of two passes."""

    def __init__(self) -> None:
        self.rows: list[Rows] = []

    def join(self, rows: Rows) -> tuple[Rows, float]:
        """`rows`, of which a copy without graph is kept."""
        self.rows.append(replace(rows, log_hazard=rows.log_hazard.detach()))
        return rows, 1.0


class Surrounding(RiskSet):
    """Puts the rows of a batch back into all rows of the update, which are constants.

    Parameters
    ----------
    everyone
        Rows of the whole update.
    start
        Position of the first row of the batch among them.
    """

    def __init__(self, everyone: Rows, start: int) -> None:
        self.everyone, self.start = everyone, start

    def join(self, rows: Rows) -> tuple[Rows, float]:
        """All rows; those of the batch have a graph."""
        before, end = self.everyone.log_hazard[: self.start], self.start + len(rows.log_hazard)
        log_hazard = torch.cat([before, rows.log_hazard, self.everyone.log_hazard[end:]])
        return replace(self.everyone, log_hazard=log_hazard), len(log_hazard) / len(rows.log_hazard)


def rescaled(loss: Tensor, factor: float) -> Tensor:
    """`loss` with its value kept and its gradient times `factor`.

    A likelihood over N rows of which n have a graph gives n / N of the gradient of a mean over those n rows, once
    passes of n rows are averaged: hence N / n.
    """
    return loss if factor == 1.0 else factor * loss - (factor - 1.0) * loss.detach()


class Shifted(RiskSet):
    """Adds a fixed part to the log-hazards before another risk set joins them.

    Parameters
    ----------
    inner
        The risk set of the batch.
    offset
        (n,) such as γᵀx of its subjects.

    Attributes
    ----------
    used
        Whether a head has asked for the rows.
    """

    def __init__(self, inner: RiskSet, offset: Tensor) -> None:
        self.inner, self.offset, self.used = inner, offset, False

    def join(self, rows: Rows) -> tuple[Rows, float]:
        """The rows of the whole update, those of the batch shifted."""
        self.used = True
        return self.inner.join(replace(rows, log_hazard=rows.log_hazard + self.offset.to(rows.log_hazard)))
