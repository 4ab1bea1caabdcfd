"""The file of predictions holds them exactly, and none of another cohort."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from survembed.errors import RunError
from survembed.evaluation.predictions import (
    Division,
    PredictedCohort,
    Predictions,
    load_predictions,
    save_predictions,
)
from survembed.survival.outcome import Outcome

COHORT = PredictedCohort(
    "abc",
    np.array(["a", "b", "ü"]),
    Outcome(np.array([1.0, 2.0, 3.5]), np.array([True, False, True])),
    np.array([1.0, 2.0]),
)
ONE = Predictions(
    "vae",
    "coxph",
    Division(np.array([0, 2]), np.array([1]), 1, 3),
    7,
    np.array([0.1]),
    np.array([[0.9, np.nan]]),
    ("z0 left out: constant (0)",),
    "hash",
)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "predictions.h5"
    save_predictions(path, COHORT, [ONE, replace(ONE, model="rsf")])
    one, other = load_predictions(path, COHORT)
    assert (one.storage_key, one.notes, one.provenance) == (("vae", "coxph", 1, 3, 7), ONE.notes, "hash")
    assert other.model == "rsf"
    for name in ("risk", "survival"):
        np.testing.assert_array_equal(getattr(one, name), getattr(ONE, name))
    np.testing.assert_array_equal(one.division.development, [0, 2])
    np.testing.assert_array_equal(one.division.test, [1])


@pytest.mark.parametrize(
    "other",
    [
        replace(COHORT, fingerprint="abd"),
        replace(COHORT, times=np.array([1.0, 2.5])),
        replace(COHORT, outcome=Outcome(COHORT.outcome.duration, np.array([True, True, True]))),
    ],
)
def test_predictions_of_another_cohort_are_not_used(tmp_path: Path, other: PredictedCohort) -> None:
    save_predictions(tmp_path / "predictions.h5", COHORT, [ONE])
    assert load_predictions(tmp_path / "predictions.h5", other) == []


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "predictions.h5"
    path.write_bytes(b"nothing")
    with pytest.raises(RunError, match="cannot be read"):
        load_predictions(path, COHORT)
