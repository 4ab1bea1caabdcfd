"""Cells of a table as strings, and which of them have no value."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.tabular.missing import BLANK, NONE_WORDS, is_missing, word
from survembed.datasets.tabular.numerals import plain
from survembed.datasets.tabular.table import Column, Table

SPREADSHEET_ERRORS = frozenset({"#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"})
"""Contents of cells whose formula failed."""


def is_typed_number(cell: Any) -> bool:
    """Whether `cell` is a number or a boolean, not a text."""
    return isinstance(cell, int | float | np.number | np.bool_)


def texts(table: Table, name: str) -> NDArray[np.str_]:
    """Cells as stripped strings (n,), "" where missing; integers have no decimal point, so that 1.0 becomes `1`."""
    import pandas as pd

    codes = {_plain_code(code) for code in table.missing}

    def text(cell: Any) -> str:
        if cell is None or cell is pd.NA or cell is pd.NaT:
            return ""
        if isinstance(cell, float | np.floating) and float(cell).is_integer():
            value = str(int(cell))
        else:
            value = str(cell).replace("\0", "").strip()
        return "" if value.lower() in BLANK or (codes and _plain_code(value) in codes) else value

    return np.array([text(cell) for cell in table.frame[name]], dtype=np.str_)


def _plain_code(code: str) -> str:
    """`code` in lower case, an integer without decimals: -999.0 is -999."""
    return re.sub(r"^([+-]?\d+)[.,]0{1,2}$", r"\1", plain(code).casefold())


def categories(table: Table, name: str) -> Column:
    """Cells of a column of words as strings (n,), "" where missing, with a note on words that are read as missing.

    `none` is a category, and so is `-` in a column that also has `+`.
    """
    strings = texts(table, name)
    counts = Counter(strings[strings != ""].tolist())
    signs = {"-", "–", "−"} if any(text.startswith("+") for text in counts) else set()
    gone = [text for text in counts if is_missing(text) and text not in signs]
    values = strings.copy()
    values[np.isin(strings, gone)] = ""
    kept = [text for text in counts if word(text) in NONE_WORDS]
    notes = missing_note(name, {text: counts[text] for text in gone})
    if kept:
        notes += (f"Column '{name}' has '{kept[0]}' ({counts[kept[0]]}), which is read as a category, not as missing.",)
    return Column(values, notes)


def missing_note(name: str, counts: Mapping[str, int]) -> tuple[str, ...]:
    """A note on cells that are read as missing, with their counts; none for blank cells, `NA` and the like."""
    told = [f"'{text}' ({n})" for text, n in sorted(counts.items()) if text.casefold() not in BLANK]
    return (f"Column '{name}' has cells that are read as missing: {', '.join(told)}.",) if told else ()
