"""TensorBoard's event files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from survembed.trackers.base import missing


class TensorBoardTracker:
    """Writes `tensorboard/` in the run's folder.

    Raises
    ------
    PluginError
        If TensorBoard is not installed.
    """

    def __init__(self, run_path: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise missing("tensorboard", "tensorboard") from error
        self._writer = SummaryWriter(str(run_path / "tensorboard"))

    def log(self, update: int, numbers: Mapping[str, float]) -> None:
        """One point on each curve."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, update)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
