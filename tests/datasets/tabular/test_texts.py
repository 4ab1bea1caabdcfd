"""Columns of words: which cells have no value."""

from __future__ import annotations

import datetime

import pandas as pd
import pytest

from survembed.datasets.tabular.table import Table
from survembed.datasets.tabular.texts import categories, texts


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["I", "unknown", "II", "NA", "k.A."], ["I", "", "II", "", ""]),
        (["+", "-", "?"], ["+", "-", ""]),
        (["yes", "-"], ["yes", ""]),
        (["none", "chemo"], ["none", "chemo"]),
        (["nd", "N.D.", "Nadia"], ["", "", "Nadia"]),
    ],
)
def test_words(cells: list[str], expected: list[str]) -> None:
    column = categories(Table(pd.DataFrame({"x": cells}), "here"), "x")
    assert column.values.tolist() == expected
    assert column.is_text
    told = [cell for cell, value in zip(cells, expected, strict=True) if not value and cell != "NA"]
    assert all(f"'{cell}' (1)" in column.notes[0] for cell in told)


def test_none_is_a_category_and_said_so() -> None:
    column = categories(Table(pd.DataFrame({"x": ["none", "chemo", "none"]}), "here"), "x")
    assert column.notes == ("Column 'x' has 'none' (2), which is read as a category, not as missing.",)


def test_declared_codes_and_typed_cells() -> None:
    cells = [1.0, 2.5, "-9", -9, "X ", None, datetime.date(2020, 1, 2), "-9.0"]
    table = Table(pd.DataFrame({"x": pd.Series(cells, dtype=object)}), "here", missing=["-9", "x"])
    assert texts(table, "x").tolist() == ["1", "2.5", "", "", "", "", "2020-01-02", ""]
