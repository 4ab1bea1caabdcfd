"""Trackers: they receive the metrics of a training in addition to `metrics.jsonl`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from survembed.registry.component import Component

if TYPE_CHECKING:
    from survembed.trackers.base import Tracker


class TensorBoard(Component):
    """TensorBoard event files in the run's own folder; shown by `tensorboard --logdir runs`."""

    def build(self, run_path: Path) -> Tracker:
        """The tracker of the run in `run_path`."""
        from survembed.trackers.tensorboard import TensorBoardTracker

        return TensorBoardTracker(run_path)


class MLflow(Component):
    """MLflow: a run of the same name, in `./mlflow.db` unless MLFLOW_TRACKING_URI names a server."""

    def build(self, run_path: Path) -> Tracker:
        """The tracker of the run in `run_path`."""
        from survembed.trackers.mlflow import MLflowTracker

        return MLflowTracker(run_path)
