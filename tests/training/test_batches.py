"""Batches: every subject in turn, events where they are asked for, shifts by whole voxels."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from survembed.training.batches import shift, shuffled, stratified


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(n=st.integers(1, 40), size=st.integers(1, 50))
def test_every_subject_once_a_pass(n: int, size: int) -> None:
    index = torch.arange(n) * 3
    passes = -(-3 * size // n)
    drawn = torch.cat(list(islice(shuffled(index, size, generator()), -(-passes * n // size))))[: passes * n]
    for one in drawn.split(n):
        assert sorted(one.tolist()) == index.tolist()


def test_seed_decides() -> None:
    first, again, other = (torch.cat(list(islice(shuffled(torch.arange(50), 8, generator(s)), 9))) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@settings(deadline=None)
@given(
    n=st.integers(2, 60),
    size=st.integers(2, 20),
    share=st.sampled_from([0.02, 0.16, 0.5, 0.9]),
    seed=st.integers(0, 99),
)
def test_stratified(n: int, size: int, share: float, seed: int) -> None:
    event = torch.rand(2 * n, generator=generator(seed)) < share
    index = torch.arange(0, 2 * n, 2)
    event[0], event[2] = True, False
    n_events = int(event[index].sum())
    places = min(max(1, round(size * n_events / n)), size - 1)
    enough = max(-(-n_events // places), -(-(n - n_events) // (size - places)))
    drawn = list(islice(stratified(index, event, size, generator(seed)), enough))
    for batch in drawn:
        assert len(batch) == size
        assert int(event[batch].sum()) == places
    assert set(torch.cat(drawn).tolist()) == set(index.tolist())


@pytest.mark.parametrize("event", [torch.zeros(10, dtype=torch.bool), torch.ones(10, dtype=torch.bool)])
def test_stratified_where_there_is_nothing_to_stratify(event: torch.Tensor) -> None:
    drawn = torch.cat(list(islice(stratified(torch.arange(10), event, 5, generator()), 2)))
    assert sorted(drawn.tolist()) == list(range(10))


@pytest.mark.parametrize("shape", [(9, 8), (7, 12, 5)])
def test_shift_moves_whole_voxels_and_fills_zeros(shape: tuple[int, ...]) -> None:
    image = torch.rand(40, 2, *shape) + 1
    moved = shift(image, 0.25, generator())
    reaches = [int(0.25 * edge) for edge in shape]
    seen = set()
    for before, after in zip(image, moved, strict=True):
        inside = after[0] != 0
        assert torch.equal(inside, after[1] != 0)  # all channels move together
        corner = torch.nonzero(inside).amin(0)
        size = torch.nonzero(inside).amax(0) + 1 - corner
        # The part that is still seen is a block at one border along each axis; find where it came from.
        steps = [int(c) if c else -(edge - int(s)) for c, s, edge in zip(corner, size, shape, strict=True)]
        assert all(abs(step) <= reach for step, reach in zip(steps, reaches, strict=True))
        expected = torch.zeros_like(before)
        to = tuple(slice(max(step, 0), edge + min(step, 0)) for step, edge in zip(steps, shape, strict=True))
        source = tuple(slice(max(-step, 0), edge - max(step, 0)) for step, edge in zip(steps, shape, strict=True))
        expected[(slice(None), *to)] = before[(slice(None), *source)]
        assert torch.equal(after, expected)
        seen.add(tuple(steps))
    assert len(seen) > 5
    assert {step for steps in seen for step in steps} >= {-reaches[0], 0, reaches[0]}


def test_shift_leaves_tables_and_zero_alone() -> None:
    table, image = torch.rand(3, 1, 5), torch.rand(3, 1, 5, 5)
    assert shift(table, 0.25, generator()) is table
    assert shift(image, 0.0, generator()) is image
    assert torch.equal(shift(image, 0.1, generator()), image)  # less than one voxel
