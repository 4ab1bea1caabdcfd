"""MLflow's client."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from survembed.trackers.base import missing


class MLflowTracker:
    """A run of the experiment `survembed`; stored at MLFLOW_TRACKING_URI, or in the local file `mlflow.db`.

    Raises
    ------
    PluginError
        If MLflow is not installed.
    """

    def __init__(self, run_path: Path) -> None:
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise missing("mlflow", "mlflow") from error
        store = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path('mlflow.db').absolute()}"
        self._client = MlflowClient(store)
        experiment = self._client.get_experiment_by_name("survembed")
        number = experiment.experiment_id if experiment else self._client.create_experiment("survembed")
        self._run = self._client.create_run(number, run_name=run_path.name).info.run_id

    def log(self, update: int, numbers: Mapping[str, float]) -> None:
        """One point on each curve."""
        for name, value in numbers.items():
            self._client.log_metric(self._run, name, value, step=update)

    def close(self) -> None:
        """Mark the run as ended."""
        self._client.set_terminated(self._run)
