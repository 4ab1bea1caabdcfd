"""Divisions: exact shares, folds that cover everyone once, and what cannot be divided."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survembed.cohort.subjects import Subjects
from survembed.errors import DataError, UsageError
from survembed.training.options import SplitOptions
from survembed.training.split import as_ids, fold_of, from_ids, split


def subjects(n: int = 103, n_events: int = 20, official: bool = False) -> Subjects:
    rng = np.random.default_rng(0)
    return Subjects(
        id=np.array([f"s{row}" for row in range(n)]),
        duration=rng.exponential(100, n),
        event=np.arange(n) < n_events,
        split=np.where(np.arange(n) % 4 == 0, "test", "train") if official else None,
    )


@settings(max_examples=40, deadline=None)
@given(n=st.integers(10, 120), n_folds=st.integers(2, 8), share=st.floats(0.05, 0.95), seed=st.integers(0, 99))
def test_folds_hold_everyone_once_in_equal_shares(n: int, n_folds: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    event = rng.random(n) < share
    fold = fold_of(rng.exponential(1, n), event, n_folds, rng)
    assert np.ptp(np.bincount(fold, minlength=n_folds)) <= 1
    assert np.ptp(np.bincount(fold[event], minlength=n_folds)) <= 1


def test_folds_are_alike_in_durations_of_events_and_of_censored() -> None:
    rng = np.random.default_rng(0)
    duration, event = rng.exponential(1, 300), rng.random(300) < 0.5
    fold = fold_of(duration, event, 5, rng)
    for kind in (False, True):
        rank = duration[event == kind].argsort().argsort()
        means = [rank[fold[event == kind] == number].mean() for number in range(5)]
        assert np.ptp(means) < 5  # of 150 ranks; at random they differ by some 20


def test_folds_of_one_division_are_disjoint_and_cover_the_cohort() -> None:
    cohort = subjects()
    divisions = [split(cohort, SplitOptions(folds=5, fold=fold)) for fold in range(5)]
    tested = np.concatenate([parts["test"] for parts in divisions])
    np.testing.assert_array_equal(np.sort(tested), np.arange(103))
    for parts in divisions:
        assert len(set(np.concatenate(list(parts.values())).tolist())) == 103
        assert cohort.event[parts["test"]].sum() == 4


def test_repeats_divide_anew_and_each_is_reproducible() -> None:
    cohort = subjects()
    first, again, other = (split(cohort, SplitOptions(folds=5, fold=1, repeat=repeat))["test"] for repeat in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert len(np.intersect1d(first, other)) < len(first)


def test_an_official_split_is_kept_without_folds_and_set_aside_with_them() -> None:
    cohort = subjects(official=True)
    np.testing.assert_array_equal(split(cohort, SplitOptions())["test"], np.arange(0, 103, 4))
    assert len(split(cohort, SplitOptions(folds=2))["test"]) in (51, 52)


def test_ids_give_the_parts_back() -> None:
    cohort = subjects()
    parts = split(cohort, SplitOptions(folds=3, fold=2))
    for name, index in from_ids(as_ids(parts, cohort), cohort).items():
        np.testing.assert_array_equal(index, parts[name])


@pytest.mark.parametrize("values", [{"folds": 1}, {"folds": 3, "fold": 3}, {"fold": 1}])
def test_a_fold_that_does_not_exist_is_refused(values: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="no fold"):
        SplitOptions.configure("split", values)


def test_what_cannot_be_divided_is_an_error_of_the_data() -> None:
    with pytest.raises(DataError, match="folds for 4 subjects"):
        split(subjects(4, 2), SplitOptions(folds=5))
    folds = fold_of(subjects(20, 1).duration, subjects(20, 1).event, 2, np.random.default_rng(0))
    with pytest.raises(DataError, match="0 events"):
        split(subjects(20, 1), SplitOptions(folds=2, fold=int(folds[0]), validation=0))
