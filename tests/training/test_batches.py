"""Batches: every subject in turn, events where they are asked for, each a function of its number."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from survembed.training.batches import Shuffled, Stratified, batches, derived_seed


@given(n=st.integers(1, 40), size=st.integers(1, 50))
def test_every_subject_once_a_pass(n: int, size: int) -> None:
    index = torch.arange(n) * 3
    passes = -(-3 * size // n)
    shuffled = Shuffled(index, size, 0)
    drawn = torch.cat([shuffled[number] for number in range(-(-passes * n // size))])[: passes * n]
    for one in drawn.split(n):
        assert sorted(one.tolist()) == index.tolist()


def test_seed_decides() -> None:
    first, again, other = (torch.cat([Shuffled(torch.arange(50), 8, s)[i] for i in range(9)]) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_passes_differ() -> None:
    shuffled = Shuffled(torch.arange(50), 50, 0)
    assert not torch.equal(shuffled[0], shuffled[1])


@given(n=st.integers(2, 30), size=st.integers(2, 70), order=st.permutations(range(8)))
def test_a_batch_does_not_depend_on_those_before(n: int, size: int, order: list[int]) -> None:
    event = torch.arange(n) % 3 == 0
    event[1] = False
    for make in (lambda: Shuffled(torch.arange(n), size, 5), lambda: Stratified(torch.arange(n), event, size, 5)):
        in_turn, jumping = make(), make()
        expected = [in_turn[number] for number in range(8)]
        for number in order:
            assert torch.equal(jumping[number], expected[number])


def test_derived_seeds_are_all_different() -> None:
    seeds = {
        derived_seed(seed, *numbers) for seed in range(5) for numbers in [(i, j) for i in range(40) for j in (0, 1)]
    }
    assert len(seeds) == 400
    assert all(0 <= seed < 2**63 for seed in seeds)


@settings(deadline=None)
@given(
    n=st.integers(2, 60),
    size=st.integers(2, 20),
    share=st.sampled_from([0.02, 0.16, 0.5, 0.9]),
    seed=st.integers(0, 99),
)
def test_stratified(n: int, size: int, share: float, seed: int) -> None:
    event = torch.rand(2 * n, generator=torch.Generator().manual_seed(seed)) < share
    index = torch.arange(0, 2 * n, 2)
    event[0], event[2] = True, False
    n_events = int(event[index].sum())
    places = min(max(1, round(size * n_events / n)), size - 1)
    enough = max(-(-n_events // places), -(-(n - n_events) // (size - places)))
    stratified = batches("events", index, event, size, seed)
    drawn = [stratified[number] for number in range(enough)]
    for batch in drawn:
        assert len(batch) == size
        assert int(event[batch].sum()) == places
    assert set(torch.cat(drawn).tolist()) == set(index.tolist())


@pytest.mark.parametrize("event", [torch.zeros(10, dtype=torch.bool), torch.ones(10, dtype=torch.bool)])
def test_stratified_where_there_is_nothing_to_stratify(event: torch.Tensor) -> None:
    made = batches("events", torch.arange(10), event, 5, 0)
    assert sorted(torch.cat([made[0], made[1]]).tolist()) == list(range(10))
