"""One Cox likelihood over micro-batches and processes: gradients equal those of the whole batch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from survembed.heads import MLP
from survembed.models.base import Model
from survembed.survival.batch import Batch
from survembed.survival.risk_set import Collecting, Rows, Surrounding
from survembed.training.augment import Augmentation
from survembed.training.batchnorm import SharedBatchNorm, share_batch_norms
from survembed.training.optimizers import Average, Optimizers
from survembed.training.options import TrainOptions
from survembed.training.processes import Processes
from survembed.training.step import Step
from tests.conftest import ROOT
from tests.small import batch, network


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    ties=st.sampled_from(["breslow", "efron"]),
    seed=st.integers(0, 1000),
)
def test_parts_add_up_to_the_whole(sizes: list[int], ties: str, seed: int) -> None:
    """Value of each part, and the sum of the parts' weighted gradients, for uneven parts and tied times."""
    torch.manual_seed(seed)
    n = sum(sizes)
    head = MLP(hidden=(5,), dropout=0.0, ties=ties).build(3).double()  # type: ignore[arg-type]
    z = torch.randn(n, 3, dtype=torch.float64)
    duration, event = torch.randint(1, 5, (n,)).double(), torch.rand(n) < 0.6
    data = Batch(z, duration, event)
    whole = head.loss(z, data)
    whole.backward()
    expected = [parameter.grad.clone() for parameter in head.parameters() if parameter.grad is not None]
    head.zero_grad()
    collecting = Collecting()
    for part in parts_of(data, sizes):
        head.loss(part.image, replace(part, risk_set=collecting))
    everyone = Rows(*(torch.cat(columns) for columns in zip(*collecting.rows, strict=True)))
    assert not everyone.log_hazard.requires_grad
    start = 0
    for part in parts_of(data, sizes):
        loss = head.loss(part.image, replace(part, risk_set=Surrounding(everyone, start)))
        assert float(loss.detach()) == pytest.approx(float(whole.detach()), abs=1e-12)
        (loss * len(part) / n).backward()
        start += len(part)
    for parameter, gradient in zip(head.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-12, atol=1e-12)


def step_of(model: Model, processes: Processes | None = None, **options: float) -> Step:
    recipe = TrainOptions(**{"updates": 9, "clip": 0.0, "average": 0.0, **options}).resolved(2, 99)
    return Step(
        model,
        Optimizers(model, recipe),
        Average(model, 0.0),
        recipe,
        Augmentation(),
        "float32",
        0,
        processes or Processes(),
    )


def parts_of(data: Batch, sizes: list[int]) -> list[Batch]:
    columns = (data.image.split(sizes), data.duration.split(sizes), data.event.split(sizes))
    return [Batch(*part) for part in zip(*columns, strict=True)]


@pytest.mark.parametrize("sizes", [[6, 6], [5, 4, 3], [12]])
@pytest.mark.parametrize("name", ["deepsurv", "coxvae"])
def test_accumulated_gradients_are_those_of_one_batch(
    name: str, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without batch normalisation and noise, which see one micro-batch at a time by nature."""
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    gradients = []
    for division in ([12], sizes):
        model = network(name, norm="none", dropout=0.0).double()
        step = step_of(model)
        monkeypatch.setattr(step, "move", lambda: None)
        data = batch(n=12)
        data = Batch(data.image.double(), data.duration, data.event)
        step(0, parts_of(data, division), 12)
        gradients.append([parameter.grad for parameter in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_a_first_pass_leaves_the_statistics_of_the_images_alone() -> None:
    states = []
    for sizes in ([12], [6, 6]):
        model = network("coxvae")
        step_of(model, rate=1e-12)(0, parts_of(batch(n=12), sizes), 12)
        norm = next(module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d))
        states.append((norm.momentum, int(norm.num_batches_tracked or 0)))
    assert states == [(0.1, 1), (0.1, 2)]


CASES = [(12, "coxvae"), (11, "coxvae"), (11, "deepsurv")]
"""Subjects of an update, and the model."""

PROGRAM = """
import pathlib, sys
import numpy as np, torch
from survembed.training.processes import joined
from tests.survival.test_risk_set import CASES, gradients_of
torch.set_num_threads(1)
with joined(torch.device("cpu")) as processes:
    for n, name in CASES:
        found = list(gradients_of(processes, n, name))
        if processes.first:
            np.savez(f"{sys.argv[1]}/{name}-{n}-{processes.count}.npz", *found)
threads = {path.read_text().strip() for path in pathlib.Path("/proc/self/task").glob("*/comm")}
assert "pt_gloo_runloop" not in threads, threads
"""


def gradients_of(processes: Processes, n: int, name: str) -> Iterator[np.ndarray]:
    """Gradients and running statistics after one update of `n` subjects in float64, in one of `processes`.

    The samples of the posterior are the same rows whatever the number of processes.
    """
    noise = torch.randn(n, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    torch.randn_like = lambda like, **_: noise[processes.part(n)] if len(like) < n or processes.count == 1 else noise  # type: ignore[assignment]
    model = network(name, dropout=0.0).double()
    if processes.count > 1:
        share_batch_norms(model)
    step = step_of(model, processes)
    step.move = lambda: None  # type: ignore[method-assign]
    data = batch(n=n)
    part = processes.part(n)
    step(0, [Batch(data.image[part].double(), data.duration[part], data.event[part])], n)
    for parameter in model.parameters():
        yield np.zeros(1) if parameter.grad is None else parameter.grad.numpy()
    for value in model.buffers():
        yield value.numpy()


@pytest.fixture(scope="module")
def gradients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the gradients of every case, from one process and from two."""
    folder = tmp_path_factory.mktemp("gradients")
    for count in (1, 2):
        processes = [
            subprocess.Popen([sys.executable, "-c", PROGRAM, folder], env=_environment(rank, count, folder), cwd=ROOT)
            for rank in range(count)
        ]
        assert [process.wait(120) for process in processes] == [0] * count
    return folder


@pytest.mark.parametrize(("n", "name"), CASES)
def test_two_processes_have_the_gradients_of_one(n: int, name: str, gradients: Path) -> None:
    """Batch normalisation, posterior samples and an uneven batch included: 1e-12 in float64."""
    one, two = (np.load(gradients / f"{name}-{n}-{count}.npz") for count in (1, 2))
    assert one.files == two.files
    for key in one.files:
        np.testing.assert_allclose(two[key], one[key], rtol=0, atol=1e-12)
    assert max(float(np.abs(one[key]).max()) for key in one.files) > 1e-3


def _environment(rank: int, count: int, folder: Path) -> dict[str, str]:
    store = f"{folder}/store{count}"
    return {
        **os.environ,
        "RANK": str(rank),
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(20000 + (os.getpid() * 7 + count * 3 + len(store)) % 30000),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }


@given(n=st.integers(0, 50), count=st.integers(1, 9))
def test_parts_are_even_and_whole(n: int, count: int) -> None:
    parts = [Processes(rank, count).part(n) for rank in range(count)]
    sizes = [part.stop - part.start for part in parts]
    assert [index for part in parts for index in range(n)[part]] == list(range(n))
    assert max(sizes) - min(sizes) <= 1


def test_shared_batch_norm_in_evaluation_is_the_usual_one() -> None:
    usual = torch.nn.BatchNorm2d(3)
    usual.running_mean.normal_()  # type: ignore[union-attr]
    box = torch.nn.Sequential(usual)
    share_batch_norms(box)
    assert isinstance(box[0], SharedBatchNorm)
    x = torch.randn(4, 3, 5, 5)
    assert torch.equal(box.eval()(x), usual.eval()(x))
    assert box.state_dict().keys() == {f"0.{name}" for name in usual.state_dict()}
