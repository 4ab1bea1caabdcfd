"""Subjects: taken in any order with all that belongs to them, and refused where nothing can be learnt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from survembed.cohort.subjects import Subjects
from survembed.errors import DataError


def three() -> Subjects:
    return Subjects(
        id=np.array(["a", "b", "c"]),
        duration=np.array([1.0, 2.0, 0.0]),
        event=np.array([True, False, True]),
        split=np.array(["train", "train", "test"]),
        truth=np.array([0.1, 0.2, 0.3]),
        covariates={"age": np.array([50.0, np.nan, 70.0]), "sex": np.array(["f", "m", ""])},
        measures={"tumour_ml": np.array([5.0, 6.0, 7.0])},
        affine=np.stack([np.eye(4) * scale for scale in (1.0, 2.0, 3.0)]),
        source=np.array(["x", "y", "z"]),
    )


@pytest.mark.parametrize("index", [np.array([2, 0]), np.array([True, False, True])])
def test_take(index: np.ndarray) -> None:
    subjects = three()
    taken = subjects.take(index)
    rows = np.arange(3)[index]
    assert len(taken) == 2
    for name in ("id", "duration", "event", "split", "truth", "affine", "source"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(subjects, name)[rows])
    np.testing.assert_array_equal(taken.covariates["age"], subjects.covariates["age"][rows])
    assert taken.covariates["sex"].tolist() == subjects.covariates["sex"][rows].tolist()
    np.testing.assert_array_equal(taken.measures["tumour_ml"], subjects.measures["tumour_ml"][rows])


def test_take_without_what_is_not_known() -> None:
    bare = Subjects(id=np.array(["a", "b"]), duration=np.ones(2), event=np.ones(2, dtype=bool)).take(np.array([1]))
    assert bare.split is bare.truth is bare.affine is bare.source is None


def test_zero_durations_are_kept() -> None:
    three().check("here")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": np.array(["a", "b", "a"])}, "subject 'a' appears 2 times"),
        ({"duration": np.array([1.0, -0.5, 2.0])}, "subject 'b' has -0.5"),
        ({"duration": np.array([1.0, np.nan, 2.0])}, "subject 'b' has nan"),
        ({"duration": np.array([1.0, 2.0, np.inf])}, "subject 'c' has inf"),
        ({"event": np.zeros(3, dtype=bool)}, "no event at all"),
    ],
)
def test_refused(change: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        replace(three(), **change).check("study.csv")
    assert caught.value.where == "study.csv"


def test_too_few() -> None:
    with pytest.raises(DataError, match=r"1 subject\(s\): too few"):
        three().take(np.array([0])).check("study.csv")
