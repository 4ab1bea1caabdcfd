"""Too little memory: refused or warned of before the first update, with options that do fit."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from survembed.datasets import Liver, SurvDigits
from survembed.errors import RunError
from survembed.progress import QUIET
from survembed.registry.component import Component
from survembed.training.memory import MemoryOfTraining
from survembed.training.options import TrainOptions
from survembed.workflows import require_memory as module
from tests.cli.command import survembed
from tests.cli.test_train import FAST
from tests.small import network, study

TRAIN = ["train", "coxvae", "--data", "surv-digits", "--updates", "2"]


@pytest.fixture
def measured(own_folders: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A subject takes 1 GB, half of it for certain."""
    monkeypatch.setattr(module, "memory_of_training", lambda *_: MemoryOfTraining(1e9, 0.5e9, 0.5e9))


def machine(monkeypatch: pytest.MonkeyPatch, free: float, total: float) -> None:
    monkeypatch.setattr(module, "free_memory", lambda _: free)
    monkeypatch.setattr(module, "total_memory", lambda _: total)


def test_what_cannot_fit_is_refused_and_the_remedy_fits(
    tmp_path: Path, measured: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, 12e9, 16e9)
    answer = survembed(capsys, *TRAIN, *FAST[2:], "--runs-dir", str(tmp_path))  # batches of 64
    assert answer.code == 5
    assert "needs at least 33.0 GB of memory, and this machine has 16.0 GB" in answer.err
    assert not list(tmp_path.glob("*"))
    remedy = re.search(r"try: +(--batch-size .*)", answer.err)
    assert remedy
    assert remedy[1] == "--batch-size 8 --set train.accumulate=8"
    options = FAST[2 : FAST.index("--batch-size")] + FAST[FAST.index("--precision") :]
    answer = survembed(capsys, *TRAIN, *options, *shlex.split(remedy[1]), "--runs-dir", str(tmp_path))
    assert answer.code == 0, answer.err
    assert "memory" not in answer.err


def test_what_may_not_fit_is_warned_of(
    tmp_path: Path, measured: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, 12e9, 48e9)
    answer = survembed(capsys, *TRAIN, *FAST[2:], "--runs-dir", str(tmp_path))
    assert answer.code == 0
    text = " ".join(answer.err.split())
    assert "training needs about 65.1 GB of memory, and 12.0 GB of this machine are free" in text
    assert "--batch-size 8 --set train.accumulate=8" in text


@pytest.mark.parametrize(
    ("kind", "dataset", "remedy"),
    [("volume", Liver(), "--set data.size=8,8,8"), ("image", SurvDigits(), "--set model.width=4")],
)
def test_where_no_batch_fits_images_or_the_network_are_to_be_smaller(
    kind: str, dataset: Component, remedy: str, measured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, 1.5e9, 1.7e9)
    options = TrainOptions(batch_size=2).resolved(2, 40)
    with pytest.raises(RunError) as refused:
        module.require_memory(network("coxvae", kind), study(kind), options, 1, dataset, QUIET)
    assert refused.value.try_ == remedy


def test_memory_that_ends_within_the_trial_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> MemoryOfTraining:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(module, "memory_of_training", full)
    options = TrainOptions(batch_size=2).resolved(2, 40)
    with pytest.raises(RunError, match="too small for two subjects"):
        module.require_memory(network("coxvae"), study(), options, 1, SurvDigits(), QUIET)
