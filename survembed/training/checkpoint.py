"""State of a training from which it continues bit for bit: named tensors and plain numbers in one safetensors file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from safetensors import SafetensorError
from torch import Tensor

from survembed.errors import RunError
from survembed.storage.tensors import read_tensors, write_tensors

FORMAT = "survembed-state 1"


@dataclass
class Progress:
    """Numbers of an unfinished training.

    Attributes
    ----------
    update
        Updates made.
    best_update, best_objective
        Update and validation objective of the kept weights; 0 and None before the first.
    stale
        Validations since then.
    n_empty, n_events
        Batches without an event, and events in all batches.
    seconds, waited
        Seconds in the loop, and of these waiting for images.
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
    """Tensors by name (`model.`, `average.`, `best.`, `selection.`, `optimizer.`), numbers, and recorded metrics.

    There is no random state: batches, samples and augmentation are functions of the seed and the update.

    Attributes
    ----------
    rows
        Rows of metrics up to this update; a run stores them in `metrics.jsonl`, not in the checkpoint.
    rows_hash
        Hash of the rows in `metrics.jsonl` up to this update; empty in a checkpoint of an earlier version.
    """

    progress: Progress
    tensors: dict[str, Tensor] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    rows_hash: str = ""

    def add(self, prefix: str, tensors: dict[str, Tensor]) -> None:
        """Add tensors under a prefix."""
        self.tensors |= {f"{prefix}.{name}": value for name, value in tensors.items()}

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors under a prefix."""
        start = f"{prefix}."
        return {name.removeprefix(start): value for name, value in self.tensors.items() if name.startswith(start)}

    def save(self, path: Path) -> None:
        """Write tensors and numbers, whole or not at all."""
        numbers = json.dumps(asdict(self.progress))
        write_tensors(path, self.tensors, {"format": FORMAT, "numbers": numbers, "rows": self.rows_hash})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a checkpoint, without rows.

        Raises
        ------
        RunError
            When the file is damaged.
        """
        try:
            tensors, metadata = read_tensors(path)
            if metadata["format"] != FORMAT:
                raise ValueError(f"its format is {metadata['format']}, not {FORMAT}")
            numbers = json.loads(metadata["numbers"])
            progress = Progress(**{one.name: numbers[one.name] for one in fields(Progress)})
            return cls(progress, tensors, rows_hash=metadata.get("rows", ""))
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"the checkpoint of run {path.parent.name} cannot be read: {str(error).splitlines()[0]}",
                where=str(path),
                try_="delete it, and --resume begins this run from its first update",
            ) from error
