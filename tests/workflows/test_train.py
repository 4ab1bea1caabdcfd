"""Train: from a configuration to a run in plain data, however it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from survembed.cohort.subjects import SPLITS
from survembed.errors import DataError, RunError, UsageError
from survembed.models.base import Model
from survembed.progress import Reporter, Task
from survembed.runs.embedding import load_model
from survembed.runs.run import Run, Runs
from survembed.training.device import find_device
from survembed.workflows import training_run as module
from survembed.workflows.train import train
from tests.planted import planted
from tests.trained import Made, config


class Interrupting(Reporter):
    """Ctrl-C at the nth update."""

    def __init__(self, at: int) -> None:
        self.at = at

    @contextmanager
    def task(self, description: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        outer = self

        class Bar(Task):
            done = 0

            def advance(self, steps: int = 1, **fields: str) -> None:
                self.done += steps
                if self.done == outer.at:
                    raise KeyboardInterrupt

        yield Bar()


def test_what_a_run_holds(a_run: Made) -> None:
    run = a_run("volume")
    assert run.status == "finished"
    assert run.record["outcome"]["end"] in ("completed", "stopped early")
    assert run.record["abilities"] == ["decode", "hazard"]
    assert run.record["cohort"]["header"]["title"] == "synthetic planted volume"
    assert run.record["cohort"]["events"] == int(planted("volume", 80)[1].event.sum())
    assert run.record["train"]["updates"] == 30
    division = run.read("split.json")
    assert [len(division[name]) for name in SPLITS] == [51, 9, 20]
    assert sorted(name for part in SPLITS for name in division[part]) == planted("volume", 80)[1].id.tolist()
    rows = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["update"] == run.record["outcome"]["updates"]
    assert {path.name for path in run.path.iterdir()} == {
        "run.json", "config.json", "split.json", "model.safetensors", "metrics.jsonl", "latents.h5",
        "reference_errors.h5", "images.json",
    }  # fmt: skip


def test_plain_data_only(a_run: Made) -> None:
    """No pickle, no class path, no path of this machine."""
    for path in a_run("volume").path.rglob("*"):
        content = path.read_bytes()
        assert path.suffix in (".json", ".jsonl", ".safetensors", ".h5")
        assert not content.startswith((b"\x80", b"PK"))
        for trace in (
            b"survembed.models",
            b"survembed.heads",
            b"CoxVAENetwork",
            b"torch.nn",
            b"/tmp",
            b"tests.planted",
        ):
            assert trace not in content, (path, trace)


def test_seed_decides_the_weights(tmp_path: Path) -> None:
    one, two = (train(config(train={"updates": 10}), runs_dir=tmp_path) for _ in range(2))
    assert one.weights_hash() == two.weights_hash()
    assert one.id != two.id
    assert Runs(tmp_path).find().id == two.id
    other = replace(config(train={"updates": 10}), seed=1)
    assert train(other, runs_dir=tmp_path).weights_hash() != one.weights_hash()
    assert other.split.seed == 0  # the split has a seed of its own
    assert Runs(tmp_path).find().read("split.json") == one.read("split.json")


def test_the_callers_chance_is_left_alone(tmp_path: Path) -> None:
    state, numpys = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[union-attr]
    train(config(train={"updates": 3}), runs_dir=tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    assert (np.random.get_state()[1] == numpys).all()  # type: ignore[union-attr]


def test_the_weights_are_those_of_the_best_update(a_run: Made) -> None:
    run = a_run("table", "deepsurv")
    rows = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    best = min(rows, key=lambda row: row["validation"]["objective"])
    assert run.record["outcome"]["best_update"] == best["update"]
    assert run.record["outcome"]["best_objective"] == best["validation"]["objective"]


@pytest.mark.parametrize("kind", ["table", "image", "volume"])
@pytest.mark.parametrize("model", ["vae", "coxvae", "deepsurv"])
def test_a_model_comes_back_from_its_run(tmp_path: Path, model: str, kind: str) -> None:
    run = train(config(kind, model, train={"updates": 2}), runs_dir=tmp_path)
    loaded = load_model(run)
    assert not loaded.training
    image = torch.from_numpy(planted(kind, 3)[0])
    assert torch.equal(loaded.posterior(image)[0], load_model(Run(run.path)).posterior(image)[0])
    assert run.can("decode") == (model != "deepsurv")
    assert run.can("hazard") == (model != "vae")


class Listening(Reporter):
    """Keeps what it was warned of."""

    def __init__(self) -> None:
        self.warned: list[str] = []

    def warn(self, message: str) -> None:
        self.warned.append(message)


@pytest.mark.parametrize(
    ("model", "validation", "warned"),
    [("deepsurv", 0.15, 1), ("deepsurv", 0.5, 0), ("deepsurv", 0.0, 0), ("vae", 0.15, 0), ("coxvae", 0.15, 0)],
)
def test_a_validation_part_with_few_events_is_reported(
    tmp_path: Path, model: str, validation: float, warned: int
) -> None:
    """Where the Cox term alone chooses the weights."""
    listening = Listening()
    split = {"validation": validation}
    run = train(config(model=model, train={"updates": 2}, split=split), runs_dir=tmp_path, reporter=listening)
    table = planted("image", 80)[1]
    events = table.event[np.isin(table.id, run.read("split.json")["validation"])].sum()
    said = [message for message in listening.warned if "event(s) in the validation part" in message]
    assert len(said) == warned
    assert all(message.startswith(f"{events} event(s)") for message in said)


def test_interrupted_it_is_a_finished_run(tmp_path: Path) -> None:
    run = train(config(train={"updates": 40}), runs_dir=tmp_path, reporter=Interrupting(15))
    assert Run(run.path).status == "finished"
    assert Run(run.path).record["outcome"]["end"] == "interrupted"
    assert Run(run.path).record["outcome"]["updates"] == 15
    assert Runs(tmp_path).find().id == run.id
    load_model(run)


def test_an_error_before_the_first_weights_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise RunError("training diverged")

    monkeypatch.setattr(module, "fit", fail)
    with pytest.raises(RunError, match="diverged"):
        train(config(), runs_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_error_after_them_leaves_a_failed_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(model: Model, *arguments: object, recorder: Run, **options: object) -> None:
        recorder.save_weights(model)
        raise RunError("training diverged")

    earlier = train(config(train={"updates": 2}), runs_dir=tmp_path)
    monkeypatch.setattr(module, "fit", fail)
    with pytest.raises(RunError, match="diverged"):
        train(config(), runs_dir=tmp_path)
    assert [run.status for run in Runs(tmp_path).list() if run.id != earlier.id] == ["failed"]
    assert Runs(tmp_path).find().id == earlier.id


def test_too_few_to_divide(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the training part has"):
        train(config(data={"n": 2}, split={"test": 0.5}), runs_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["cuda:99", "nonsense", "mps"])
def test_no_such_device(name: str) -> None:
    with pytest.raises(UsageError, match=f"no device '{name}'") as caught:
        find_device(name)
    assert caught.value.try_ == "--device cpu"
