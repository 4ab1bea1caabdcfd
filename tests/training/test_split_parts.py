"""Divisions without folds: stratified, disjoint, a function of the seed; and what a damaged split.json may hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survembed.cohort.subjects import SPLITS, Subjects
from survembed.errors import DataError, RunError
from survembed.training.options import SplitOptions
from survembed.training.split import LARGEST_VALIDATION, from_ids, hold_out, split, strata


def subjects(n: int, official: list[str] | None = None) -> Subjects:
    rng = np.random.default_rng(0)
    return Subjects(
        id=np.array([f"s{row}" for row in range(n)]),
        duration=rng.exponential(100, n),
        event=np.arange(n) % 2 == 0,
        split=None if official is None else np.array(official),
    )


@settings(max_examples=40, deadline=None)
@given(n=st.integers(20, 200), test=st.floats(0, 0.5), validation=st.floats(0, 0.5), seed=st.integers(0, 9))
def test_every_subject_is_in_one_part(n: int, test: float, validation: float, seed: int) -> None:
    parts = split(subjects(n), SplitOptions(test=test, validation=validation, seed=seed))
    assert list(parts) == list(SPLITS)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(n))
    assert all((np.diff(index) > 0).all() for index in parts.values())
    assert len(parts["test"]) == round(test * n)
    assert len(parts["validation"]) == round(validation * (n - len(parts["test"])))


@settings(max_examples=40, deadline=None)
@given(n=st.integers(40, 300), share=st.sampled_from([0.2, 0.5, 0.8]), seed=st.integers(0, 9))
def test_events_and_durations_have_their_share_of_what_is_held_out(n: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    everyone = replace(subjects(n), duration=rng.exponential(size=n), event=rng.random(n) < share)
    labels = strata(everyone.duration, everyone.event)
    rest, held_out = hold_out(everyone, np.arange(n), n // 4, rng)
    assert len(held_out) == n // 4
    assert set(rest) & set(held_out) == set()
    for label in np.unique(labels):
        assert abs((labels[held_out] == label).sum() - (labels == label).sum() / 4) < 2


def test_strata_are_quarters_of_durations_by_event() -> None:
    duration = np.array([5.0, 1, 3, 7, 2, 8, 4, 6, 9])
    event = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    assert strata(duration, event).tolist() == [6, 4, 5, 7, 0, 2, 0, 1, 3]
    assert np.bincount(strata(np.ones(100), np.zeros(100, dtype=bool))).tolist() == [25] * 4  # ties crowd no stratum


def test_the_seed_decides() -> None:
    one, again, other = (split(subjects(100), SplitOptions(seed=seed)) for seed in (0, 0, 1))
    assert all((one[name] == again[name]).all() for name in SPLITS)
    assert any(one[name].tolist() != other[name].tolist() for name in SPLITS)


def test_an_official_split_is_kept() -> None:
    shares = SplitOptions(test=0.5, validation=0.25)
    whole = split(subjects(100, (["train"] * 6 + ["test"] * 3 + ["validation"]) * 10), shares)
    assert {name: len(index) for name, index in whole.items()} == {"train": 60, "validation": 10, "test": 30}
    parts = split(subjects(90, (["train"] * 6 + ["test"] * 3) * 10), shares)
    assert {name: len(index) for name, index in parts.items()} == {"train": 45, "validation": 15, "test": 30}
    assert (parts["test"] % 9 >= 6).all()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 9), validation=st.floats(0.05, 0.5), changed=st.integers(0, 2**32 - 1))
def test_outcomes_of_an_official_test_part_move_no_other_subject(seed: int, validation: float, changed: int) -> None:
    rng = np.random.default_rng(changed)
    before = subjects(90, (["train"] * 6 + ["test"] * 3) * 10)
    tested = before.split == "test"
    other = replace(
        before,
        duration=np.where(tested, rng.choice([1e-3, 1.0, 50.0, 1e6], 90), before.duration),
        event=np.where(tested, rng.random(90) < rng.random(), before.event),
    )
    options = SplitOptions(validation=validation, seed=seed)
    for name, index in split(before, options).items():
        assert index.tolist() == split(other, options)[name].tolist()


@pytest.mark.parametrize("options", [SplitOptions(), SplitOptions(folds=4, fold=1)])
def test_the_validation_part_has_the_strata_of_the_subjects_outside_the_test_part(options: SplitOptions) -> None:
    everyone = subjects(200)
    parts = split(everyone, options)
    rest = np.sort(np.concatenate([parts["train"], parts["validation"]]))
    labels = strata(everyone.duration[rest], everyone.event[rest])
    of_validation = labels[np.isin(rest, parts["validation"])]
    for label in np.unique(labels):
        assert abs((of_validation == label).sum() - (labels == label).sum() * len(of_validation) / len(rest)) < 2


def test_the_validation_part_has_a_largest_size() -> None:
    assert len(split(subjects(30_000), SplitOptions())["validation"]) == LARGEST_VALIDATION


@pytest.mark.parametrize("shares", [{"test": 0.99, "validation": 0.0}, {"test": 0.0, "validation": 0.99}])
def test_nobody_left_to_train_on(shares: dict[str, float]) -> None:
    with pytest.raises(DataError, match="the training part has 0 subjects"):
        split(subjects(10), SplitOptions(**shares))


@pytest.mark.parametrize(
    "ids",
    [
        {"train": ["s0", "s1"], "validation": [], "test": []},  # one forgotten
        {"train": ["s0", "s1"], "validation": ["s1"], "test": ["s2"]},  # one twice
        {"train": ["s0", "s1"], "validation": [], "test": ["nobody"]},
        {"train": ["s0", "s1", "s2"]},
        ["s0", "s1", "s2"],
        {"train": 3, "validation": [], "test": []},
    ],
)
def test_ids_that_do_not_divide_the_cohort(ids: object) -> None:
    with pytest.raises(RunError, match="does not divide"):
        from_ids(ids, subjects(3))  # type: ignore[arg-type]  # what a damaged split.json may hold
