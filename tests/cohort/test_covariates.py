"""Clinical columns that a model can use."""

from __future__ import annotations

import numpy as np
import pytest

from survembed.cohort.covariates import usable
from survembed.errors import UsageError

COLUMNS = {
    "age": np.array([40.0, 50.0, np.nan, 90.0, 1000.0, np.nan]),
    "stage": np.array(["b", "b", "a", "", "c", "a"]),
    "id": np.array([f"p{row}" for row in range(6)]),
    "same": np.ones(6),
    "empty": np.full(6, np.nan),
}


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
