"""Cells become ids, durations and events, or an error that names the subject."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from survembed.datasets.tabular.cells import durations, identifiers
from survembed.datasets.tabular.reading import read_table
from survembed.datasets.tabular.table import Table
from survembed.errors import DataError
from tests.datasets.tabular.tables import FRAME, write


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".parquet"])
def test_ids_stay_strings(tmp_path: Path, suffix: str) -> None:
    table = read_table(write(FRAME, tmp_path / f"study{suffix}"))
    assert identifiers(table, "id").tolist() == ["007", "8", "x 9"]
    assert durations(table, "time", FRAME["id"].to_numpy()).values.tolist() == [1, 2.5, 0]


@pytest.mark.parametrize("suffix", [".xlsx", ".parquet"])
def test_numeric_ids_have_no_decimal_point(tmp_path: Path, suffix: str) -> None:
    path = write(pd.DataFrame({"id": [1.0, 2.0, 1e6]}), tmp_path / f"study{suffix}")
    assert identifiers(read_table(path), "id").tolist() == ["1", "2", "1000000"]


def here(columns: dict[str, list[Any]]) -> Table:
    return Table(pd.DataFrame(columns), "here")


IDS = np.array(["a", "b"])


@pytest.mark.parametrize("cell", ["", "NA", "nan", "-1", "inf", "soon"])
def test_bad_durations(cell: str) -> None:
    with pytest.raises(DataError, match="subject 'b' has"):
        durations(here({"time": ["0", cell]}), "time", IDS)


@pytest.mark.parametrize(("cells", "message"), [(["a", "a"], "'a' appears 2 times"), (["a", ""], "row 2 has no id")])
def test_bad_ids(cells: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        identifiers(here({"id": cells}), "id")
