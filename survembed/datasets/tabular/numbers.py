"""Columns of numbers: one convention for all cells of a column, decided by the column, printed, or refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.tabular.missing import NONE_WORDS, is_missing, word
from survembed.datasets.tabular.numerals import DECIMALS, Numeral, numeral, plain
from survembed.datasets.tabular.table import Column, Table
from survembed.datasets.tabular.texts import SPREADSHEET_ERRORS, is_typed_number, missing_note, texts
from survembed.errors import DataError

MOSTLY = 0.8
"""A column with at least this share of numbers is refused if its other cells are words: it is not made text."""

MEASURED = 10
"""A column with more different numbers than this is refused if at least half of its cells are numbers."""


_BOOLEAN = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}


def numbers(table: Table, name: str) -> Column | None:
    """The cells of column `name` as float64 (n,), NaN where missing, true as 1; None if the column holds words.

    Typed cells keep their value. Text cells are matched with the grammars of both decimal marks, and the mark that
    reads all of them is used. If both do and differ, `table.decimal` decides, else the other columns of the table.

    Raises
    ------
    DataError
        If the column can be read in two ways, if cells need different ways, or if few cells among numbers are none.
    """
    import pandas as pd

    cells = table.frame[name]
    strings = texts(table, name)
    if pd.api.types.is_numeric_dtype(cells.dtype) or pd.api.types.is_bool_dtype(cells.dtype):
        values = np.array(cells.to_numpy(dtype=np.float64, na_value=np.nan))  # a copy: the caller may change it
        values[strings == ""] = np.nan
        return Column(values, _codes(values, name))
    if not (pd.api.types.is_object_dtype(cells.dtype) or pd.api.types.is_string_dtype(cells.dtype)):
        return None
    values = np.full(len(strings), np.nan)
    is_typed = np.array([is_typed_number(cell) for cell in cells], dtype=bool) & (strings != "")
    values[is_typed] = [float(cell) for cell in cells[is_typed]]
    is_text = ~is_typed & (strings != "")
    written = Counter(strings[is_text].tolist())
    gone = {text for text in written if is_missing(text) or word(text) in NONE_WORDS}
    column = _WrittenColumn(
        table,
        name,
        np.where(is_text, strings, ""),
        values[is_typed],
        {text: n for text, n in written.items() if text not in gone},
    )
    if not len(column.typed) and not column.counts and any(word(text) in NONE_WORDS for text in gone):
        return None
    read = column.read()
    if read is None:
        return None
    by_text, notes = read
    values[is_text] = [by_text.get(text, np.nan) for text in strings[is_text].tolist()]
    missing = missing_note(name, {text: written[text] for text in gone})
    return Column(values, (*missing, *notes, *_codes(values, name)))


@dataclass(frozen=True)
class _WrittenColumn:
    """Cells of a column that are not missing: typed numbers, and texts by row and with their counts."""

    table: Table
    name: str
    strings: NDArray[np.str_]
    typed: NDArray[np.float64]
    counts: Mapping[str, int]

    def read(self) -> tuple[Mapping[str, float], tuple[str, ...]] | None:
        """Value of each text, and notes; None if the column holds words."""
        if all(text.casefold() in _BOOLEAN for text in self.counts):
            return {text: _BOOLEAN[text.casefold()] for text in self.counts}, ()
        failed = [text for text in self.counts if text in SPREADSHEET_ERRORS]
        if failed:
            raise self.error(failed, "has errors of a spreadsheet", "a value in every cell", "correct the formulas")
        parsed = {text: numeral(text) for text in self.counts}
        if not self._is_numeric(parsed):
            return None
        numerals = {text: one for text, one in parsed.items() if one}
        notes = self._unit_note(numerals)
        decimal, reason = self._decimal(numerals)
        notes += self._decimal_note(numerals, decimal, reason)
        return {text: one.readings[decimal] for text, one in numerals.items()}, notes

    def _is_numeric(self, parsed: Mapping[str, Numeral | None]) -> bool:
        """Whether all cells are numbers; False for a column of words, an error for numbers with few other cells."""
        words = [text for text, one in parsed.items() if one is None]
        limits = [text for text, one in parsed.items() if one and one.is_limit]
        if not words and not limits:
            return True
        n = len(self.typed) + sum(self.counts.values())
        n_words, n_limits = (sum(self.counts[text] for text in some) for some in (words, limits))
        different = len(set(self.typed.tolist())) + len(parsed) - len(words) - len(limits)
        share = 1 - n_words / n
        if n_words + n_limits == n or not (share >= MOSTLY or (share >= 0.5 and different > MEASURED)):
            return False
        what = f"{n_words} cell(s) that are none" if words else f"{n_limits} cell(s) with a limit or an estimate"
        raise self.error(
            words or limits,
            f"holds numbers, and {what}",
            "a number in every cell, or a usual word for a missing value",
            f"--set 'data.missing_codes={','.join(sorted(words + limits))}', if these cells have no value",
        )

    def _unit_note(self, numerals: Mapping[str, Numeral]) -> tuple[str, ...]:
        """A note on the unit that all cells have; an error if only some have it."""
        first = {one.unit: text for text, one in reversed([*numerals.items()])}
        if not any(first):
            return ()
        if len(first) > 1 or len(self.typed):
            units = ", ".join(repr(unit) for unit in first if unit)
            raise self.error(
                list(first.values()),
                f"has cells with different units ({units})",
                "one unit, or none",
            )
        return (f"Every cell of column '{self.name}' has the unit '{next(iter(first))}': its number is read.",)

    def _decimal(self, numerals: Mapping[str, Numeral]) -> tuple[str, str]:
        """The decimal mark of the column, and the reason if the column itself does not decide."""
        possible = [mark for mark in DECIMALS if all(mark in one.readings for one in numerals.values())]
        if not possible:
            shown = [next(text for text, one in numerals.items() if mark not in one.readings) for mark in DECIMALS]
            raise self.error(shown, "has both decimal points and decimal commas", "the same decimal mark in every cell")
        ambiguous = _ambiguous(numerals)
        if len(possible) == 1 or ambiguous is None:
            return possible[0], ""
        if self.table.decimal is not None:
            return self.table.decimal, ", as declared"
        others = [
            mark for other in self.table.frame.columns if other != self.name for mark in _forced(self.table, other)
        ]
        if len({decimal for decimal, _ in others}) == 1 and not _are_grouped(numerals, others[0][0]):
            return others[0][0], f", as in {others[0][1]}"
        point, comma = (f"{numerals[ambiguous].readings[mark]:.15g}" for mark in DECIMALS)
        raise self.error(
            [ambiguous],
            f"can be read in two ways: '{ambiguous}' is {point} with decimal points, {comma} with decimal commas",
            "numbers with one reading" + "".join(f"; {mark} has decimal {DECIMALS[d]}s" for d, mark in others[:4]),
            "--set data.decimal=. or --set data.decimal=,",
        )

    def _decimal_note(self, numerals: Mapping[str, Numeral], decimal: str, reason: str) -> tuple[str, ...]:
        """A note on decimal commas, thousands marks and how an ambiguous column was decided."""
        grouped = {
            one.thousands[decimal]: text for text, one in reversed([*numerals.items()]) if one.thousands[decimal]
        }
        if len(grouped) > 1:
            raise self.error(list(grouped.values()), "has different thousands marks", "one thousands mark, or none")
        commas = [text for text in numerals if decimal == "," and decimal in text]
        example = (_ambiguous(numerals) if reason else None) or next(iter([*grouped.values(), *commas]), None)
        if example is None:
            return ()
        value = f"{numerals[example].readings[decimal]:.15g}"
        marks = f"decimal {DECIMALS[decimal]}s{reason}" if reason or decimal in example else "thousands marks"
        return (f"Column '{self.name}' has {marks}: '{example}' is {value}.",)

    def error(self, shown: list[str], message: str, expected: str, try_: str | None = None) -> DataError:
        """An error that names the first rows with the texts `shown`."""
        rows = [f"row {int(np.flatnonzero(self.strings == text)[0]) + 1} has '{text}'" for text in shown[:5]]
        message = f"column '{self.name}' {message} ({'; '.join(rows)}{'; …' if len(shown) > 5 else ''})"
        return DataError(message, where=self.table.where, expected=expected, try_=try_)


def _ambiguous(numerals: Mapping[str, Numeral]) -> str | None:
    """The first text whose value depends on the decimal mark."""
    return next((text for text, one in numerals.items() if len(set(one.readings.values())) > 1), None)


def _are_grouped(numerals: Mapping[str, Numeral], decimal: str) -> bool:
    """Whether a mark looks like one of thousands: beside whole numbers below 1000, `1.500` has a needless digit."""
    whole = [one.readings[decimal] for text, one in numerals.items() if re.fullmatch(r"[-+]?\d+", plain(text))]
    marked = [text for text in numerals if decimal in text]
    return bool(whole) and max(map(abs, whole)) < 1000 and any(plain(text).endswith("0") for text in marked)


def _forced(table: Table, name: str) -> list[tuple[str, str]]:
    """The only decimal mark that reads the text cells of column `name`, with a cell that shows it; else nothing."""
    cells = [cell for cell in table.frame[name].unique().tolist() if isinstance(cell, str) and not is_missing(cell)]
    parsed = {cell: one for cell in cells if (one := numeral(cell))}
    if not parsed or len(parsed) < MOSTLY * len(cells):
        return []
    marks = [mark for mark in DECIMALS if all(mark in one.readings for one in parsed.values())]
    if len(marks) != 1:
        return []
    return [
        (marks[0], f"column '{name}' ('{next(cell for cell, one in parsed.items() if list(one.readings) == marks)}')")
    ]


def _codes(values: NDArray[np.float64], name: str) -> tuple[str, ...]:
    """A warning on values such as -999 or 9999 beside much smaller ones, which often mean that there is no value."""
    unique, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    are_codes = np.array([set(f"{abs(value):.15g}".replace(".", "")) in ({"8"}, {"9"}) for value in unique], dtype=bool)
    others = unique[~are_codes]
    if not len(others):
        return ()
    suspect = are_codes & (((unique <= -9) & (others[0] >= 0)) | ((unique >= 99) & (unique / 3 >= others[-1])))
    return tuple(
        f"Column '{name}' has {n} cell(s) of {code:.15g}, read as numbers; if they mean that there is no value: "
        f"--set data.missing_codes={code:.15g}."
        for code, n in zip(unique[suspect], counts[suspect], strict=True)
    )
