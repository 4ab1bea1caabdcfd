"""A training that is taken up again becomes, bit for bit, the one that was never disturbed."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from survembed.errors import RunError
from survembed.models.base import Model
from survembed.runs.run import Run
from survembed.training.checkpoint import Checkpoint
from tests.small import Kept, network, study, trained

RECIPES: list[dict[str, Any]] = [
    {"shift": 0.2, "rotate": 10, "sampler": "events"},
    {"average": 0.0, "schedule": "constant", "optimizer": "adam", "clip": 0.0},
    {"accumulate": 3, "batch_size": 8, "kl_warm_up": 0.5},
    {"patience": 1, "updates": 60, "rate": 3e-2},
]


def finished(model: Model) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("recipe", RECIPES, ids=["augmented", "paper-like", "accumulated", "stopped early"])
@pytest.mark.parametrize("head", ["linear", "deepsurv"])
def test_from_every_checkpoint_the_same_weights(recipe: dict[str, Any], head: str) -> None:
    recipe = {"updates": 12, "checkpoint": 1e-9, **recipe}
    undisturbed, keeper, data = network("coxvae", head=head, dropout=0.2), Kept(), study()
    outcome, rows = trained(undisturbed, data, keeper=keeper, **recipe)
    expected = finished(undisturbed)
    assert len(keeper.checkpoints) == outcome.updates > 5
    for checkpoint in keeper.checkpoints[:: len(keeper.checkpoints) // 4]:
        model, again = network("coxvae", head=head, dropout=0.2, seed=9), Kept()
        resumed, _ = trained(model, data, keeper=again, resume=checkpoint, **recipe)
        assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())
        for name in ("end", "updates", "best_update", "best_objective", "empty_batches", "event_share"):
            assert getattr(resumed, name) == getattr(outcome, name), name
        late = [row for row in rows if row["update"] > checkpoint.progress.update]
        assert [{**row, "seconds": 0} for row in again.rows] == [{**row, "seconds": 0} for row in late]


def run_of(path: Path) -> Run:
    return Run.create(path, "a", {"model": "m", "dataset": "d", "abilities": [], "cohort": {}}, {})


def test_a_checkpoint_survives_the_disk(tmp_path: Path) -> None:
    keeper = Kept()
    trained(network("coxvae"), study(), keeper=keeper, updates=6, checkpoint=1e-9)
    run = run_of(tmp_path)
    assert run.load_checkpoint() is None
    for checkpoint in keeper.checkpoints:
        run.save_checkpoint(checkpoint)
        read = run.load_checkpoint()
        assert read is not None
        assert read.progress == checkpoint.progress
        assert read.tensors.keys() == checkpoint.tensors.keys()
        assert all(torch.equal(read.tensors[name], value) for name, value in checkpoint.tensors.items())
        assert all(read.tensors[name].dtype == value.dtype for name, value in checkpoint.tensors.items())


@pytest.mark.parametrize("damage", [lambda b: b[:100], lambda b: b"", lambda b: b[8:], lambda b: b"\xff" * len(b)])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, damage: Any) -> None:
    keeper = Kept()
    trained(network("coxvae"), study(), keeper=keeper, updates=1, checkpoint=1e-9)
    run = run_of(tmp_path)
    run.save_checkpoint(keeper.checkpoints[0])
    path = run.path / "state.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunError, match=r"the checkpoint of run .* cannot be read"):
        run.load_checkpoint()


def test_metrics_are_cut_where_the_checkpoint_stands(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    run.cut_metrics(3)
    for update in (2, 4, 6):
        run.append_metrics({"update": update})
    with open(run.path / "metrics.jsonl", "a") as file:
        file.write('{"upda')
    run.cut_metrics(4)
    assert (run.path / "metrics.jsonl").read_text() == '{"update": 2}\n{"update": 4}\n'


@pytest.mark.parametrize(("number", "end"), [(signal.SIGTERM, "terminated"), (signal.SIGINT, "interrupted")])
def test_a_signal_ends_it_between_two_updates(number: signal.Signals, end: str) -> None:
    class Signalling(Kept):
        def append_metrics(self, row: dict[str, Any]) -> None:
            super().append_metrics(row)
            if row["update"] == 10:
                os.kill(os.getpid(), number)

    model, keeper, data = network("coxvae"), Signalling(), study()
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        before = signal.getsignal(number)
        outcome, _ = trained(model, data, keeper=keeper, updates=40)
        assert signal.getsignal(number) is before
    finally:
        signal.signal(signal.SIGINT, ours)
    assert (outcome.end, outcome.updates) == (end, 10)
    (checkpoint,) = keeper.checkpoints
    undisturbed, resumed = network("coxvae"), network("coxvae")
    trained(undisturbed, data, updates=40)
    trained(resumed, data, resume=checkpoint, updates=40)
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in undisturbed.state_dict().items())


def test_a_thread_is_told_nothing() -> None:
    ends: list[str] = []
    thread = threading.Thread(target=lambda: ends.append(trained(network("coxvae"), study(), updates=3)[0].end))
    thread.start()
    thread.join()
    assert ends == ["completed"]


def test_numbers_that_are_missing() -> None:
    with pytest.raises(KeyError):
        Checkpoint.of({}, {"update": 3})
