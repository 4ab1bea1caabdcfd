"""Subjects of one update, as models and heads receive them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from survembed.survival.risk_set import BATCH_ALONE, RiskSet


@dataclass(frozen=True)
class Batch:
    """Subjects of one update or micro-batch.

    Attributes
    ----------
    image
        (n, C, *spatial) float32.
    duration
        (n,) float64, time of event or censoring.
    event
        (n,) bool or integer code: 0 is censored, each other number a cause.
    covariates
        (n, P) float32, encoded; None where the model takes none.
    entry
        (n,) float64 time of late entry; None where all subjects are observed from the start.
    risk_set
        Subjects over which a Cox likelihood is taken; those of the batch by default.
    """

    image: Tensor
    duration: Tensor
    event: Tensor
    covariates: Tensor | None = None
    risk_set: RiskSet = BATCH_ALONE
    entry: Tensor | None = None

    def split(self, count: int) -> list[Batch]:
        """`count` micro-batches of about equal size, in order, each with the risk set of this batch."""
        columns = {name: getattr(self, name) for name in ("image", "duration", "event", "covariates", "entry")}
        parts = {name: column.tensor_split(count) for name, column in columns.items() if column is not None}
        return [replace(self, **{name: part[number] for name, part in parts.items()}) for number in range(count)]

    def __len__(self) -> int:
        """Number of subjects."""
        return len(self.duration)
