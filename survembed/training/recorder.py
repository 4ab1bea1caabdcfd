"""What a training gives out while it runs, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from survembed.models.base import Model
from survembed.training.checkpoint import Checkpoint

End = Literal["completed", "stopped early", "interrupted", "terminated"]


class Recorder(Protocol):
    """Keeps what a training gives out; a `Run` does."""

    def append_metrics(self, row: dict[str, Any]) -> None:
        """One row of numbers for each validation."""

    def save_weights(self, model: Model) -> None:
        """The model, each time its weights are to be kept."""

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Where the training stands, every minute and when it is told to end."""


class Forgetful:
    """A keeper that keeps nothing."""

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Nothing."""

    def save_weights(self, model: Model) -> None:
        """Nothing."""

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Nothing."""


@dataclass(frozen=True)
class TrainingOutcome:
    """How training ended.

    Attributes
    ----------
    end
        `completed`, `stopped early`, `interrupted` by Ctrl-C, or `terminated` by the system, to be resumed.
    updates
        Updates made.
    best_update
        The update whose weights were kept.
    best_objective
        Their validation objective; None without a validation part.
    rule
        In words, the rule that chose them.
    precision
        `float32` or `bf16`.
    empty_batches
        Batches in which there was no event.
    event_share
        Share of events among the subjects of all batches.
    seconds, waited
        Time of the loop, and of that waiting for images.
    """

    end: End
    updates: int
    best_update: int
    best_objective: float | None
    rule: str
    precision: str
    empty_batches: int
    event_share: float
    seconds: float
    waited: float
