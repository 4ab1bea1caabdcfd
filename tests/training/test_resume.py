"""A training that is taken up again becomes, bit for bit, the one that was never disturbed."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from survembed.errors import RunError
from survembed.models.base import Model
from survembed.progress import Reporter
from survembed.runs.run import Run
from survembed.training import watch
from survembed.training.checkpoint import Checkpoint
from tests.small import Kept, network, study, trained

RECIPES: list[dict[str, Any]] = [
    {"shift": 0.2, "rotate": 10, "sampler": "events"},
    {"average": 0.0, "schedule": "constant", "optimizer": "adam", "clip": 0.0},
    {"accumulate": 3, "batch_size": 8, "kl_warm_up": 0.5},
    {"patience": 1, "updates": 60, "rate": 3e-2},
]


class Listening(Reporter):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warned: list[str] = []

    def warn(self, text: str) -> None:
        self.warned.append(text)


def finished(model: Model) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("recipe", RECIPES, ids=["augmented", "paper-like", "accumulated", "stopped early"])
@pytest.mark.parametrize("head", ["linear", "deepsurv"])
def test_from_every_checkpoint_the_same_weights(recipe: dict[str, Any], head: str) -> None:
    recipe = {"updates": 12, "checkpoint": 1e-9, **recipe}
    undisturbed, recorder, data = network("coxvae", head=head, dropout=0.2), Kept(), study()
    outcome, rows = trained(undisturbed, data, recorder=recorder, **recipe)
    expected = finished(undisturbed)
    assert len(recorder.checkpoints) == outcome.updates > 5
    for checkpoint in recorder.checkpoints[:: len(recorder.checkpoints) // 4]:
        model, again = network("coxvae", head=head, dropout=0.2, seed=9), Kept()
        resumed, _ = trained(model, data, recorder=again, resume=checkpoint, **recipe)
        assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())
        for name in ("end", "updates", "best_update", "best_objective", "empty_batches", "event_share"):
            assert getattr(resumed, name) == getattr(outcome, name), name
        late = [row for row in rows if row["update"] > checkpoint.progress.update]
        assert [{**row, "seconds": 0} for row in again.rows] == [{**row, "seconds": 0} for row in late]


def run_of(path: Path) -> Run:
    return Run.create(path, "a", {"model": "m", "dataset": "d", "abilities": [], "cohort": {}}, {})


def test_a_checkpoint_survives_the_disk(tmp_path: Path) -> None:
    recorder = Kept()
    trained(network("coxvae"), study(), recorder=recorder, updates=6, checkpoint=1e-9)
    run = run_of(tmp_path)
    assert run.load_checkpoint() is None
    for checkpoint in recorder.checkpoints:
        run.save_checkpoint(checkpoint)
        read = run.load_checkpoint()
        assert read is not None
        assert read.progress == checkpoint.progress
        assert read.tensors.keys() == checkpoint.tensors.keys()
        assert all(torch.equal(read.tensors[name], value) for name, value in checkpoint.tensors.items())
        assert all(read.tensors[name].dtype == value.dtype for name, value in checkpoint.tensors.items())


@pytest.mark.parametrize("damage", [lambda b: b[:100], lambda b: b"", lambda b: b[8:], lambda b: b"\xff" * len(b)])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, damage: Any) -> None:
    recorder = Kept()
    trained(network("coxvae"), study(), recorder=recorder, updates=1, checkpoint=1e-9)
    run = run_of(tmp_path)
    run.save_checkpoint(recorder.checkpoints[0])
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

    model, recorder, data = network("coxvae"), Signalling(), study()
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        before = signal.getsignal(number)
        outcome, _ = trained(model, data, recorder=recorder, updates=40)
        assert signal.getsignal(number) is before
    finally:
        signal.signal(signal.SIGINT, ours)
    assert (outcome.end, outcome.updates) == (end, 10)
    (checkpoint,) = recorder.checkpoints
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


def test_a_resumed_training_warns_as_an_undisturbed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A term that moved the model early is not dead, however little it moves it after the resumption."""
    cox = {"early": 1.0, "late": 1e-9}

    def warned(norms: list[str], resume: Checkpoint | None = None) -> tuple[list[str], Kept]:
        coming = iter(norms)
        monkeypatch.setattr(watch, "gradient_norms", lambda *_: {"cox": cox[next(coming)], "reconstruction": 1.0})
        listening, recorder = Listening(), Kept()
        options: dict[str, Any] = {"updates": 40, "checkpoint": 1e-9, "patience": 0}
        trained(network("coxvae"), study(), reporter=listening, recorder=recorder, resume=resume, **options)
        return [text for text in listening.warned if "the cox term" in text], recorder

    expected, recorder = warned(["early", *["late"] * 9])
    assert expected == []
    assert warned(["late"] * 10)[0] != []  # the fault would be seen
    assert warned(["late"] * 10, recorder.checkpoints[19])[0] == expected


def test_metrics_come_with_the_checkpoint_of_a_run(tmp_path: Path) -> None:
    recorder, run = Kept(), run_of(tmp_path)
    trained(network("coxvae"), study(), recorder=recorder, updates=20, checkpoint=1e-9)
    for row in recorder.rows:
        run.append_metrics(row)
    run.save_checkpoint(recorder.checkpoints[11])
    read = run.load_checkpoint()
    assert read is not None
    assert [row["update"] for row in read.rows] == [5, 10]
    assert read.rows == recorder.rows[:2] == recorder.checkpoints[11].rows


def test_numbers_that_are_missing(tmp_path: Path) -> None:
    run, header = run_of(tmp_path), {"format": "survembed-state 1", "numbers": '{"update": 3}'}
    (run.path / "state.safetensors").write_bytes(save({"a": torch.zeros(1)}, header))
    with pytest.raises(RunError, match=r"cannot be read: 'best_update'"):
        run.load_checkpoint()
