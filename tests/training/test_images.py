"""Images by position: the same whether they are held on the device or read from the cohort."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import entr

from survembed.cohort.cohort import Cohort
from survembed.progress import QUIET
from survembed.training import images as module
from survembed.training.images import Images, free_memory
from tests.planted import Planted
from tests.small import CPU


@pytest.fixture(params=["table", "image", "volume"])
def cohort(request: pytest.FixtureRequest, tmp_path: Path) -> Cohort:
    source = Planted(kind=request.param, n=30).build()
    source.prepare(tmp_path / "a.h5", "key", QUIET)
    return Cohort(tmp_path / "a.h5")


def test_held_or_read(cohort: Cohort) -> None:
    index = torch.tensor([7, 2, 29, 7])
    held, read = Images(cohort, CPU, hold=True), Images(cohort, CPU, hold=False)
    assert held[index].dtype == torch.float32
    assert torch.equal(held[index], read[index])
    np.testing.assert_array_equal(held[index].numpy(), cohort.images(index.numpy()))
    assert held.dimensions == read.dimensions == len(cohort.shape)


def test_reading_does_not_change_what_is_held(cohort: Cohort) -> None:
    images, index = Images(cohort, CPU, hold=True), torch.arange(3)
    before = images[index].clone()
    images[index].mul_(5)
    assert torch.equal(images[index], before)


def test_an_array_is_never_changed() -> None:
    array = np.ones((4, 1, 3), dtype=np.float32)
    Images(array, CPU)[torch.arange(4)].zero_()
    assert (array == 1).all()


def test_memory_decides(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(cohort) * cohort.bytes_per_subject
    for free, held in ((size / 0.39, True), (size / 0.41, False)):
        monkeypatch.setattr(module, "free_memory", lambda _, free=free: free)
        images = Images(cohort, CPU)
        assert (images._held is not None) == held
        assert (images._cohort is not None) == (not held)


def test_free_memory_is_that_of_this_machine() -> None:
    assert 1e7 < free_memory(CPU) < 1e14


def test_moments(cohort: Cohort) -> None:
    index = torch.arange(3, 26)
    mean, deviation, entropy = Images(cohort, CPU, hold=False).moments(index, 4)
    exact = cohort.images(index.numpy()).astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(0), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(deviation, exact.std(0), rtol=1e-4, atol=1e-6)
    bernoulli = [channel.likelihood == "bernoulli" for channel in cohort.channels]
    expected = (entr(exact) + entr(1 - exact)).sum(axis=tuple(range(2, exact.ndim))).mean(0)
    np.testing.assert_allclose(entropy, np.where(bernoulli, expected, 0), rtol=1e-5)
