"""Covariates as numbers: encoded by the training part alone, and every step is plain data."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from survembed.cohort.covariate_encoder import CovariateEncoder
from survembed.errors import DataError, UsageError

TRAIN = np.arange(6)
COLUMNS = {
    "age": np.array([40.0, 50.0, np.nan, 90.0, 50.0, 60.0, 1000.0, np.nan]),
    "stage": np.array(["b", "b", "a", "", "a", "b", "c", "a"]),
    "height": np.array([1.6, 1.7, 1.8, 1.9, 1.5, 1.6, 1.7, np.nan]),
    "double": 2 * np.array([40.0, 50.0, np.nan, 90.0, 50.0, 60.0, 1000.0, np.nan]),
}


def test_numbers_are_standardised_and_missing_ones_take_the_median_and_an_indicator() -> None:
    encoder = CovariateEncoder.fit(COLUMNS, ["age"], TRAIN)
    known = np.array([40.0, 50, 90, 50, 60])
    assert encoder.names == ["age", "age missing"]
    expected = (np.array([40, 50, 50, 90, 50, 60, 1000, 50]) - known.mean()) / known.std()
    np.testing.assert_allclose(encoder.encode(COLUMNS)[:, 0], expected)
    np.testing.assert_array_equal(encoder.encode(COLUMNS)[:, 1], [0, 0, 1, 0, 0, 0, 0, 1])


def test_nothing_missing_in_training_gives_no_indicator_and_later_gaps_the_median() -> None:
    encoder = CovariateEncoder.fit(COLUMNS, ["height"], TRAIN)
    train = COLUMNS["height"][:6]
    assert encoder.names == ["height"]
    assert encoder.encode(COLUMNS)[7, 0] == pytest.approx((np.median(train) - train.mean()) / train.std())


def test_categories_are_indicators_against_the_most_frequent() -> None:
    encoder = CovariateEncoder.fit(COLUMNS, ["stage"], TRAIN)
    assert encoder.names == ["stage=a", "stage missing"]
    np.testing.assert_array_equal(
        encoder.encode(COLUMNS), [[0, 0], [0, 0], [1, 0], [0, 1], [1, 0], [0, 0], [0, 1], [1, 0]]
    )
    assert encoder.notes(COLUMNS) == ["1 subject(s) have 'c' in 'stage', which training never saw: taken as missing"]


def test_a_column_that_follows_from_others_is_left_out() -> None:
    encoder = CovariateEncoder.fit(COLUMNS, ["age", "double"], TRAIN)
    assert encoder.names == ["age", "age missing"]
    assert set(encoder.left_out) == {"double", "double missing"}
    assert encoder.encode(COLUMNS).shape == (8, 2)


def test_the_test_part_teaches_nothing() -> None:
    other = {**COLUMNS, "age": np.where(np.arange(8) > 5, -5.0, COLUMNS["age"])}
    assert CovariateEncoder.fit(COLUMNS, ["age"], TRAIN) == CovariateEncoder.fit(other, ["age"], TRAIN)


def test_the_encoder_is_plain_data() -> None:
    encoder = CovariateEncoder.fit(COLUMNS, ["age", "stage"], TRAIN)
    again = CovariateEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert again == encoder
    np.testing.assert_array_equal(again.encode(COLUMNS), encoder.encode(COLUMNS))


def test_the_reference_subject_has_x_of_zero_and_typed_values_replace_its_own() -> None:
    encoder = CovariateEncoder.fit(COLUMNS, ["age", "stage"], TRAIN)
    assert not encoder.encode(encoder.parse([])).any()
    assert encoder.describe(encoder.parse([])) == "age 58, stage b"
    typed = encoder.parse(["stage=a", "age=90"])
    np.testing.assert_allclose(
        encoder.encode(typed), encoder.encode({k: v[[3]] for k, v in {**COLUMNS, "stage": np.array(["a"] * 8)}.items()})
    )
    assert encoder.notes(encoder.parse(["age=95"])) == [
        "1 subject(s) have a value of 'age' outside 40 to 90, the range of the training part: the model extrapolates"
    ]


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("agee=3", "no covariate 'agee' in the model", "--covariate 'age=3'"),
        ("age", "no covariate 'age' in the model", "--covariate 'age=58.0'"),
        ("age=old", "covariate 'age' is a number, not 'old'", "--covariate age=50"),
        ("age=inf", "covariate 'age' is a number, not 'inf'", "--covariate age=50"),
        ("stage=c", "training never saw 'c' in covariate 'stage'", "--covariate 'stage=b'"),
    ],
)
def test_typed_values_that_cannot_be_are_refused(text: str, message: str, remedy: str) -> None:
    encoder = CovariateEncoder.fit(COLUMNS, ["age", "stage"], TRAIN)
    with pytest.raises(UsageError) as error:
        encoder.parse([text])
    assert error.value.message == message
    assert error.value.try_ == remedy


def test_a_covariate_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="covariate 'age' is given twice"):
        CovariateEncoder.fit(COLUMNS, ["age"], TRAIN).parse(["age=1", "age=2"])


def test_text_where_numbers_were_and_absent_columns_are_refused() -> None:
    encoder = CovariateEncoder.fit(COLUMNS, ["age"], TRAIN)
    with pytest.raises(DataError, match="covariate 'age' holds text, where training had numbers"):
        encoder.encode({"age": np.array(["old"])})
    with pytest.raises(DataError, match="covariate 'age' of the model is missing") as error:
        encoder.encode({"agee": np.array([1.0])})
    assert error.value.try_ == "rename the column 'agee' to 'age'"
    swapped = replace(encoder, columns=CovariateEncoder.fit(COLUMNS, ["stage"], TRAIN).columns)
    with pytest.raises(DataError, match="covariate 'stage' holds numbers, where training had text"):
        swapped.encode({"stage": np.array([1.0])})
