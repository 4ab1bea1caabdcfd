"""Trial updates of a captured update leave no trace, whether the capture works or fails; a fake runs on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from survembed.models.base import Loss, Model
from survembed.training import graph
from survembed.training.augment import Augmentation
from survembed.training.graph import N_TRIALS, ReplayedStep
from survembed.training.optimizers import Average, Optimizers
from survembed.training.options import TrainOptions
from survembed.training.processes import Processes
from survembed.training.step import Step
from tests.small import batch, network


def step_of(model: Model, average: float = 0.9) -> Step:
    options = TrainOptions(average=average, batch_size=12, updates=50).resolved(2, 60)
    optimizers = Optimizers(model, options)
    return Step(model, optimizers, Average(model, options.average), options, Augmentation(), "float32", 0, Processes())


def tensors(step: Step) -> dict[str, torch.Tensor]:
    named = {
        "model": step.model.state_dict(),
        "average": step.average.model.state_dict(),
        "optimizer": step.optimizers.tensors(),
    }
    return {f"{part}.{name}": value.clone() for part, state in named.items() for name, value in state.items()}


@pytest.fixture(params=["fails", "works"])
def captured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Replaces the capture by trial updates on the CPU; whether it works."""

    def on_cpu(update: Callable[[], Loss]) -> Any:
        for _ in range(N_TRIALS):
            loss = update()
        if request.param == "fails":
            raise RuntimeError("operation not permitted when stream is capturing")
        return None, loss

    monkeypatch.setattr(graph, "capture", on_cpu)
    return bool(request.param == "works")


def try_to_capture(step: Step, works: bool) -> None:
    if works:
        ReplayedStep(step, batch())
    else:
        with pytest.raises(RuntimeError, match="capturing"):
            ReplayedStep(step, batch())


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_trial_updates_leave_no_trace(captured: bool, average: float) -> None:
    step = step_of(network("coxvae"), average)
    for update in range(2):  # the optimisers have a state
        step(update, [batch()], 12)
    before = tensors(step)
    try_to_capture(step, captured)
    after = tensors(step)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_training_after_a_capture_is_that_without_one(captured: bool) -> None:
    """From the first update: the optimisers have no state before the trial."""
    tried, untried = step_of(network("coxvae")), step_of(network("coxvae"))
    try_to_capture(tried, captured)
    for update in range(3):
        for step in (tried, untried):
            step(update, [batch()], 12)
    expected = tensors(untried)
    assert all(torch.equal(expected[name], value) for name, value in tensors(tried).items())
