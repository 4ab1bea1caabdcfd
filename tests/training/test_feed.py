"""Feed: read ahead or held, the same micro-batches; every row of an update once among the processes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from survembed.cohort.cohort import Cohort
from survembed.progress import QUIET
from survembed.training.batches import Shuffled
from survembed.training.feed import AHEAD, Feed
from survembed.training.images import Images
from survembed.training.processes import Processes
from survembed.training.training_data import TrainingData
from tests.planted import Planted
from tests.small import CPU, study


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    Planted(kind="image", n=30).build().prepare(tmp_path / "a.h5", "key", QUIET)
    return Cohort(tmp_path / "a.h5")


def of(cohort: Cohort, hold: bool) -> TrainingData:
    subjects, everyone = cohort.subjects, torch.arange(30)
    images = Images(cohort, CPU, hold=hold)
    return TrainingData(
        images, torch.from_numpy(subjects.duration), torch.from_numpy(subjects.event), everyone, everyone[:0]
    )


@pytest.mark.parametrize("start", [0, 7])
def test_read_ahead_or_held(cohort: Cohort, start: int) -> None:
    order = Shuffled(torch.arange(30), 8, 0)
    with Feed(of(cohort, True), order, 2, Processes()) as held, Feed(of(cohort, False), order, 2, Processes()) as read:
        for update in range(start, start + 2 * AHEAD):
            (one, n), (other, _) = held(update), read(update)
            assert (len(one), len(other), n) == (2, 2, 8)
            for a, b in zip(one, other, strict=True):
                assert torch.equal(a.image, b.image)
                assert torch.equal(a.duration, b.duration)
                assert torch.equal(a.event, b.event)
        assert held.n_events == read.n_events > 0
        assert read.waited > 0


@pytest.mark.parametrize("count", [1, 2, 3])
def test_processes_divide_an_update(count: int) -> None:
    data, order = study(n=40, validation=0), Shuffled(torch.arange(40), 11, 0)
    feeds = [Feed(data, order, 1, Processes(rank, count)) for rank in range(count)]
    for update in range(3):
        parts = [batch for feed in feeds for batch in feed(update)[0]]
        assert torch.equal(torch.cat([part.duration for part in parts]), data.duration[order[update]])
        assert torch.equal(torch.cat([part.image for part in parts]), data.images[order[update]])
