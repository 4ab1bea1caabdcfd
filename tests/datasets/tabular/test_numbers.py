"""A column of numbers has one convention: decided by the column, else by others, else declared, else refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from survembed.datasets.tabular.cells import durations
from survembed.datasets.tabular.numbers import numbers
from survembed.datasets.tabular.reading import read_table
from survembed.datasets.tabular.table import Table
from survembed.errors import DataError

AGES = [str(age) for age in range(50, 70)]


def table(cells: list[Any], other: list[Any] | None = None, **options: Any) -> Table:
    columns = {"x": pd.Series(cells, dtype=object)}
    if other is not None:
        columns["y"] = pd.Series(other, dtype=object)
    return Table(pd.DataFrame(columns), "here", **options)


def values(cells: list[Any], other: list[Any] | None = None, **options: Any) -> list[float]:
    column = numbers(table(cells, other, **options), "x")
    assert column is not None
    return [float(value) for value in column.values]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1.234", "12.5"], [1.234, 12.5]),
        (["1.234", "12,5"], [1234, 12.5]),
        (["0.123", "1.234"], [0.123, 1.234]),
        (["1 234", "430"], [1234, 430]),
        (["1\u00a0234,5", "12"], [1234.5, 12]),
        (["1'234", "87"], [1234, 87]),
        (["1,234.5", "2,000"], [1234.5, 2000]),
        (["1.234.567,8", "1.000"], [1234567.8, 1000]),
        (["5 %", "10,5%"], [5, 10.5]),
        (["1e3", "\u22125"], [1000, -5]),
        ([1.234, "1,5"], [1.234, 1.5]),
        ([0.30000000000000004, 7, True], [0.30000000000000004, 7, 1]),
        (["true", "False"], [1, 0]),
    ],
)
def test_the_column_decides(cells: list[Any], expected: list[float]) -> None:
    assert values(cells) == expected


@pytest.mark.parametrize("cells", [["1.234", "430"], ["1,234"], ["1.234", "12.345", ""], [5.5, "1.234"]])
def test_two_readings_are_refused_declared_or_decided_by_other_columns(cells: list[Any]) -> None:
    with pytest.raises(DataError, match="can be read in two ways") as caught:
        numbers(table(cells), "x")
    assert "1.234 " in str(caught.value) + " "
    assert " 1234 " in str(caught.value)
    assert caught.value.try_ == "--set data.decimal=. or --set data.decimal=,"
    mark = next(cell for cell in cells if isinstance(cell, str) and not cell.isdigit())[1].replace(" ", ",")
    n = len(cells)
    for decimal, example in ((".", "0.5"), (",", "12,75")):
        ways = [table(cells, decimal=decimal), table(cells, [example, *["3"] * n][:n])]
        for one in ways:
            column = numbers(one, "x")
            assert column is not None
            found = column.values[[isinstance(cell, str) and "234" in cell and mark in cell for cell in cells]]
            assert found[0] == (1.234 if mark == decimal else 1234)
            assert any(
                "x" in note and f"decimal {'point' if decimal == '.' else 'comma'}s" in note for note in column.notes
            )


@pytest.mark.parametrize(
    ("cells", "other"),
    [(["1.500", "813"], ["6.19", "3.5"]), (["1,500", "20"], ["6,19", "3,5"])],
)
def test_thousands_beside_whole_numbers_are_not_decided_by_another_column(cells: list[Any], other: list[Any]) -> None:
    with pytest.raises(DataError, match="two ways"):
        values(cells, other)
    mark = other[0][1]
    assert values(cells, other, decimal="," if mark == "." else ".")[0] == 1500
    assert values(["1" + mark + "525", "813"], other[:2]) == [1.525, 813]  # no needless digit


def test_other_columns_that_differ_decide_nothing() -> None:
    frame = pd.DataFrame({"x": ["1.234"], "y": ["0.5"], "z": ["12,75"]})
    with pytest.raises(DataError, match="two ways") as caught:
        numbers(Table(frame, "here"), "x")
    assert "column 'y' ('0.5')" in str(caught.value.expected)
    assert "column 'z' ('12,75')" in str(caught.value.expected)


@pytest.mark.parametrize(
    ("cells", "message", "shown"),
    [
        (["12.5", "12,5"], "both decimal points and decimal commas", ["'12.5'", "'12,5'"]),
        (["1,234.5", "1.234,5"], "both decimal points and decimal commas", ["'1,234.5'", "'1.234,5'"]),
        (["1,234.5", "1 234"], "different thousands marks", ["'1,234.5'", "'1 234'"]),
        (["5%", "10"], "different units", ["'5%'", "'10'"]),
        (["12 mo", "2 y"], "different units", ["'12 mo'", "'2 y'"]),
        ([5, "12 mo"], "different units", ["'12 mo'"]),
    ],
)
def test_cells_that_need_different_ways_are_refused(cells: list[Any], message: str, shown: list[str]) -> None:
    with pytest.raises(DataError, match=message) as caught:
        numbers(table(cells), "x")
    assert all(text in caught.value.message for text in shown)


@pytest.mark.parametrize(
    "word",
    [
        *("Not Available", "#N/A", "<NA>", "'--", "-", "?", "unknown", "NA", "N.A.", "n.d.", "k.A.", "keine Angabe"),
        *(
            "missing",
            "NaT",
            "[Not Available]",
            '"unknown"',
            "Inconnu",
            "not reported",
            "\u2014",
            "N/D",
            "none",
            "Unbekannt",
        ),
    ],
)
def test_missing_words_among_numbers(word: str) -> None:
    column = numbers(table([*AGES, word]), "x")
    assert column is not None
    np.testing.assert_array_equal(column.values, [*map(float, AGES), np.nan])
    assert bool(column.notes) == (word != "NA")


@pytest.mark.parametrize(
    "word", ["1_000", "inf", "see report", "12/5", "1,23,456", "<5", ">90", "≥ 5", "~5", "5+", "(12)"]
)
def test_few_other_cells_among_numbers_are_refused_by_name(word: str) -> None:
    with pytest.raises(DataError, match="column 'x' holds numbers, and 1 ") as caught:
        numbers(table([*AGES, word]), "x")
    assert f"row 21 has '{word}'" in caught.value.message
    assert f"data.missing_codes={word}'" in str(caught.value.try_)
    assert np.isnan(values([*AGES, word], missing=(word,))[-1])


def test_spreadsheet_errors_are_named() -> None:
    for word in ("#REF!", "#DIV/0!", "#VALUE!"):
        with pytest.raises(DataError, match=f"row 2 has '{word}'"):
            numbers(table(["a", word]), "x")


@pytest.mark.parametrize(
    "cells",
    [["I", "II"], ["1a", "2", "3b"], ["T1", "T2"], ["<50", "50-60", ">60"], ["2020-01-01", "2020-01-02"], ["1.2.3"]],
)
def test_columns_of_words(cells: list[Any]) -> None:
    assert numbers(table(cells), "x") is None


@pytest.mark.parametrize("code", ["-999", "999", "9999", "-9", "99999", "-99.0"])
def test_codes_are_told_of_and_only_missing_when_declared(code: str) -> None:
    cells = ["1", "2.5", "3", code]
    column = numbers(table(cells), "x")
    assert column is not None
    assert column.values[-1] == float(code)
    assert f"data.missing_codes={float(code):g}" in " ".join(column.notes)
    typed = [float(cell) for cell in cells]
    assert np.isnan(values(cells, missing=[code])[-1])
    assert np.isnan(values(typed, missing=[code])[-1])
    assert values(cells, missing=[code])[:3] == [1, 2.5, 3]


def test_plausible_values_are_no_codes() -> None:
    for cells in ([-999.0, -5.0], [900.0, 999.0], [9.0, 8.0], [99.0, 70.0]):
        column = numbers(table(cells), "x")
        assert column is not None
        assert not column.notes


def test_durations_with_units_or_limits_are_refused() -> None:
    ids = np.array(["a", "b"])
    with pytest.raises(DataError, match="durations with a unit"):
        durations(table(["12 mo", "24 mo"]), "x", ids)
    for cell in ("<5", "5+", ">90", "1_000", "-5", "unknown", "#REF!"):
        with pytest.raises(DataError, match="subject 'b' has"):
            durations(table(["12", cell]), "x", ids)


def test_samples_of_the_field(test_data: Path) -> None:
    field = test_data.parent / "field"
    if not field.is_dir():
        pytest.skip(f"no samples at {field}")
    time = numbers(read_table(field / "thousands" / "thou_mixed.csv"), "time")
    assert time is not None
    assert time.values.sum() == 88496
    for name in ("deccomma.tsv", "deccomma15.tsv", "deccommaq.csv"):
        afp = numbers(read_table(field / "decimal_comma" / name), "afp")
        assert afp is not None
        assert afp.values[:3].tolist() == [51.3, 67.6, 226.4]
    for name in ("na.csv", "hash_na.csv"):
        read = read_table(field / "missing_codes" / name)
        age = numbers(read, "age")
        assert age is not None
        assert int(np.isnan(age.values).sum()) == sum("A" in str(cell) for cell in read.frame["age"])
        assert f"({int(np.isnan(age.values).sum())})" in age.notes[0]
    for name in ("cbio.tsv", "sep.csv", "u16.tsv"):
        read = read_table(field / "arguable" / name)
        age = numbers(read, "age")
        assert age is not None
        assert (len(age.values), age.values[0]) == (40, 64)
        assert read.notes
    with pytest.raises(DataError, match="quotation mark in line 7"):
        read_table(field / "stray_quotes" / "quotes.tsv")
