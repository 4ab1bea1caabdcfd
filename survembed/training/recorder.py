"""Recorder of a training, and how the training ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from survembed.models.base import Model
from survembed.training.checkpoint import Checkpoint

End = Literal["completed", "stopped early", "interrupted", "terminated"]


class Recorder(Protocol):
    """Receives metrics, weights and checkpoints of a training; a `Run` is one."""

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Add the row of a validation."""

    def save_weights(self, model: Model) -> None:
        """Save the weights of `model` as the best so far."""

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Save the state of the training: at intervals, and after a signal."""


class NullRecorder:
    """A recorder that stores nothing."""

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Do nothing."""

    def save_weights(self, model: Model) -> None:
        """Do nothing."""

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class TrainingOutcome:
    """How a training ended.

    Attributes
    ----------
    end
        `completed`, `stopped early`, `interrupted` by Ctrl-C, or `terminated` by SIGTERM.
    updates
        Updates made.
    best_update, best_objective
        Update and validation objective of the kept weights; the objective is None without a validation part.
    rule
        The rule that chose the weights.
    precision
        `float32` or `bf16`.
    empty_batches
        Batches without an event.
    event_share
        Share of events among the subjects of all batches.
    seconds, waited
        Seconds in the loop, and of these waiting for images.
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
