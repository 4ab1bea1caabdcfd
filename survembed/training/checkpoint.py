"""Where a training stands: all that its next update depends on, as named tensors and plain numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from torch import Tensor


@dataclass
class Progress:
    """The numbers of a training under way.

    Attributes
    ----------
    update
        Updates made.
    best_update, best_objective
        Of the weights to be kept; 0 and None before there are any.
    stale
        Validations since.
    n_empty, n_events
        Batches without an event, and events in all batches.
    seconds, waited
        Time spent in the loop, and of that waiting for images.
    precision
        `float32` or `bf16`, as chosen at the start.
    """

    update: int = 0
    best_update: int = 0
    best_objective: float | None = None
    stale: int = 0
    n_empty: int = 0
    n_events: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    precision: str = ""


@dataclass
class Checkpoint:
    """Tensors by name (`model.`, `average.`, `best.`, `selection.`, `optimizer.`), and the numbers.

    No state of chance is among them: batches, samples and augmentation are functions of the seed and the update.
    """

    progress: Progress
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def numbers(self) -> dict[str, Any]:
        """The numbers as plain values."""
        return asdict(self.progress)

    @classmethod
    def of(cls, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> Self:
        """What `tensors` and `numbers` described.

        Raises
        ------
        KeyError
            When a number is missing.
        """
        return cls(Progress(**{one.name: numbers[one.name] for one in fields(Progress)}), tensors)

    def add(self, prefix: str, tensors: dict[str, Tensor]) -> None:
        """Take tensors under a prefix."""
        self.tensors |= {f"{prefix}.{name}": value for name, value in tensors.items()}

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors that were added under a prefix."""
        return {
            name.removeprefix(f"{prefix}."): value
            for name, value in self.tensors.items()
            if name.startswith(f"{prefix}.")
        }
