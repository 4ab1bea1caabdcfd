"""Numbers as people write them: value by decimal mark, unit and limit; anything else is no number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survembed.datasets.tabular.numerals import numeral


@pytest.mark.parametrize(
    ("cell", "point", "comma"),
    [
        *(("12", 12, 12), ("-3", -3, -3), ("+4", 4, 4), ("\u22125", -5, -5), ("１２", 12, 12), (" 7 ", 7, 7)),
        *(("1.234", 1.234, 1234), ("1,234", 1234, 1.234), ("-1.234", -1.234, -1234), ("12.345", 12.345, 12345)),
        *(("0.123", 0.123, None), ("0,123", None, 0.123), ("012.345", 12.345, None), ("1234.567", 1234.567, None)),
        *(("1.234.567", None, 1234567), ("1,234,567", 1234567, None), ("1.234.567,8", None, 1234567.8)),
        *(("1,234.5", 1234.5, None), ("1.234,5", None, 1234.5), ("51,3", None, 51.3), ("51.3", 51.3, None)),
        *(("1 234", 1234, 1234), ("1\u00a0234,5", None, 1234.5), ("1\u2009234.5", 1234.5, None)),
        *(("1\u202f234\u202f567", 1234567, 1234567), ("1'234.50", 1234.5, None), ("1’234,5", None, 1234.5)),
        *(("1e3", 1000, 1000), ("1,5E+03", None, 1500), ("1.234e3", 1234, None), (".5", 0.5, None), (",5", None, 0.5)),
        *(("'12", 12, 12), ('"12,5"', None, 12.5), ("5.", 5, None)),
    ],
)
def test_value_by_decimal_mark(cell: str, point: float | None, comma: float | None) -> None:
    found = numeral(cell)
    assert found is not None
    assert (found.readings.get("."), found.readings.get(",")) == (point, comma)
    assert not found.unit
    assert not found.is_limit


@pytest.mark.parametrize(
    "cell",
    [
        *("1_000", "inf", "infinity", "-inf", "nan", "1e999", "0x10", "10²", "½", "", "-", "+", ".", ",", "one"),
        *(
            "12.05.2020",
            "2020-01-05",
            "5-10",
            "120/80",
            "1,23,456",
            "1.23.456",
            "1 23",
            "12 34 56",
            "1. 234",
            "0.123.456",
        ),
        *("1,234.567,8", "1.234'567", "T1", "1a", "--5", "5-", "(5)", "12:30", "5 6", "<", "<<5", "5 mo 3 d"),
    ],
)
def test_no_number(cell: str) -> None:
    assert numeral(cell) is None


@pytest.mark.parametrize(
    ("cell", "unit"),
    [
        ("12 mo", "mo"),
        ("12mo.", "mo"),
        ("5.2 %", "%"),
        ("5,2%", "%"),
        ("€ 5", "€"),
        ("3 kg/m²", "kg/m²"),
        ("8 ng/mL", "ng/ml"),
    ],
)
def test_unit(cell: str, unit: str) -> None:
    found = numeral(cell)
    assert found is not None
    assert found.unit == unit


@pytest.mark.parametrize("cell", ["<5", ">90", "≥ 5", "<= 0,5", "~5", "5+", "ca. 5", "5 ± 2", "≈1.5", "< 5 ng/ml"])
def test_limit(cell: str) -> None:
    found = numeral(cell)
    assert found is not None
    assert found.is_limit


@given(
    value=st.decimals(min_value=0, max_value=10**9, places=2), thousands=st.sampled_from(["", ",", " ", "'", "\u00a0"])
)
def test_formatted_values_are_read_back(value: object, thousands: str) -> None:
    text = f"{value:,.2f}".replace(",", thousands)
    found = numeral(text)
    assert found is not None
    assert found.readings["."] == float(str(value))
    swapped = numeral(text.translate(str.maketrans(".,", ",.")))
    assert swapped is not None
    assert swapped.readings[","] == float(str(value))
