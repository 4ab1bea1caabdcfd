"""Covariates: encoded by the training part alone."""

from __future__ import annotations

import numpy as np
import pytest

from survembed.cohort.covariates import CovariateEncoder, usable
from survembed.errors import UsageError

TRAIN = np.arange(4)
COLUMNS = {
    "age": np.array([40.0, 50.0, np.nan, 90.0, 1000.0, np.nan]),
    "stage": np.array(["b", "b", "a", "", "c", "a"]),
    "id": np.array([f"p{row}" for row in range(6)]),
    "same": np.ones(6),
    "empty": np.full(6, np.nan),
}


def test_missing_numbers_take_the_training_median() -> None:
    made = CovariateEncoder.fit(COLUMNS, ["age"], TRAIN).encode(COLUMNS)
    np.testing.assert_array_equal(made[:, 0], [40, 50, 50, 90, 1000, 50])


def test_words_are_indicators_against_the_most_frequent_and_new_ones_count_as_it() -> None:
    encoder = CovariateEncoder.fit(COLUMNS, ["stage"], TRAIN)
    assert encoder.levels == {"stage": ["b", "a"]}
    np.testing.assert_array_equal(encoder.encode(COLUMNS)[:, 0], [0, 0, 1, 0, 0, 1])


def test_the_test_part_teaches_nothing() -> None:
    other = {**COLUMNS, "age": np.where(np.arange(6) > 3, -5.0, COLUMNS["age"])}
    assert CovariateEncoder.fit(COLUMNS, ["age"], TRAIN) == CovariateEncoder.fit(other, ["age"], TRAIN)


def test_usable_columns_vary_and_are_no_free_text() -> None:
    many = {**COLUMNS, "id": np.array([f"p{row}" for row in range(6)] * 4)[:24]}
    long = {name: np.resize(values, 24) for name, values in many.items()} | {
        "id": np.array([f"p{row}" for row in range(24)])
    }
    assert usable(long) == ["age", "stage"]
    assert usable(long, ["stage"]) == ["stage"]
    with pytest.raises(UsageError, match="no covariate 'agee'") as error:
        usable(long, ["agee"])
    assert error.value.try_ == "--covariates age"
