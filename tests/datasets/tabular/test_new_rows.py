"""New rows may have all columns of the table of the run: what a cohort leaves out is ignored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survembed.datasets import Tabular
from survembed.errors import DataError
from tests.datasets.preparing import prepared

N = 30
RNG = np.random.default_rng(6)
FRAME = pd.DataFrame(
    {
        "rownames": np.arange(1, N + 1),
        "patient_name": [f"Doe{row}" for row in range(N)],
        "t": RNG.integers(40, 2500, N),
        "event": RNG.integers(0, 2, N),
        "PFI": RNG.integers(0, 2, N),
        "surgery": [f"2010-03-{1 + row % 28:02d}" for row in range(N)],
        "age": RNG.integers(30, 80, N),
    }
)


def test_the_table_of_the_run_can_be_predicted(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    FRAME.to_csv(path, index=False)
    source = Tabular(root=path).build()
    with prepared(source, tmp_path) as cohort:
        assert cohort.header.features == ("age",)
        np.testing.assert_array_equal(source.read_new({"table": path}, cohort.form).images[:, 0, 0], FRAME["age"])
        FRAME.assign(afp=1.5).to_csv(path, index=False)
        with pytest.raises(DataError, match="'afp' is not a feature of the run"):
            source.read_new({"table": path}, cohort.form)
