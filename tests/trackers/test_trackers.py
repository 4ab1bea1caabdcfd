"""Trackers: the numbers of `metrics.jsonl`, nothing else, and an error where a package is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from survembed.errors import PluginError
from survembed.runs.run import Runs
from survembed.trackers import MLflow, TensorBoard
from survembed.trackers.base import flat
from survembed.workflows.train import train
from tests.trained import config


def test_flat() -> None:
    row = {
        "update": 5,
        "seconds": 1,
        "validation": {"cox": 2.5},
        "kl_of_dimensions": [0.1, 0.2],
        "name": "x",
        "no": None,
    }
    assert dict(flat(row)) == {
        "seconds": 1.0,
        "validation/cox": 2.5,
        "kl_of_dimensions/0": 0.1,
        "kl_of_dimensions/1": 0.2,
    }


@pytest.mark.parametrize(
    ("component", "module", "extra"),
    [(TensorBoard, "torch.utils.tensorboard", "tensorboard"), (MLflow, "mlflow.tracking", "mlflow")],
)
def test_a_missing_package_is_named_and_nothing_is_left(
    component: type, module: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(PluginError, match="not installed") as caught:
        train(config(train={"updates": 2, "trackers": [extra]}), runs_dir=tmp_path)
    assert caught.value.try_ == f"pip install 'survembed[{extra}]'"
    assert Runs(tmp_path).list() == []


def test_tensorboard_gets_every_row(tmp_path: Path) -> None:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="the extra 'tensorboard' is not installed"
    )
    run = train(config(train={"updates": 12, "validate_every": 4, "trackers": ["tensorboard"]}), runs_dir=tmp_path)
    events = accumulator.EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    rows = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    seen = [(point.step, point.value) for point in events.Scalars("validation/objective")]
    assert seen == [(row["update"], pytest.approx(row["validation"]["objective"])) for row in rows]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own, of SQLAlchemy
def test_mlflow_gets_every_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracking = pytest.importorskip("mlflow.tracking", reason="the extra 'mlflow' is not installed")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'ml.db'}")
    run = train(config(train={"updates": 12, "validate_every": 4, "trackers": ["mlflow"]}), runs_dir=tmp_path)
    client = tracking.MlflowClient(f"sqlite:///{tmp_path / 'ml.db'}")
    (kept,) = client.search_runs([client.get_experiment_by_name("survembed").experiment_id])
    assert kept.info.run_name == run.id
    points = client.get_metric_history(kept.info.run_id, "validation/objective")
    assert [point.step for point in points] == [4, 8, 12]
