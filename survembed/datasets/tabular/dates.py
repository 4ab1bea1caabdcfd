"""Durations from two columns of dates; a date that can be read in two ways is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

import numpy as np

from survembed.datasets.tabular.missing import is_missing
from survembed.datasets.tabular.table import Table
from survembed.datasets.tabular.texts import texts
from survembed.errors import DataError

Order = Literal["day", "month"]

EXCEL_DAY_0 = date(1899, 12, 30)
SERIALS = (15000, 75000)
"""Serial numbers of Excel that are taken as dates: 1941 to 2105."""
_TIME = r"(?:[T ]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.]?)(\d{{2}}|\d{{1}}(?=[-/.]))\2(\d{{1,2}}){_TIME}")
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}){_TIME}")
_DAY_NAME = re.compile(rf"(\d{{1,2}})[-/. ]*([^\W\d_]{{3,9}})[-/., ]*(\d{{4}}){_TIME}")
_NAME_DAY = re.compile(rf"([^\W\d_]{{3,9}})[-/. ]*(\d{{1,2}})[-/., ]+(\d{{4}}){_TIME}")
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True)
class _Dates:
    """Dates (n,) of a column, None where missing, and how they were read."""

    values: list[date | None]
    how: str
    serial: bool


def with_durations(table: Table, start: str, end: str, order: Order | None) -> tuple[Table, str, str]:
    """The table with a column of days from `start` to `end` in place of both, its name, and a sentence.

    Parameters
    ----------
    order
        What the first number of `3/4/2020` is; None to decide by the other dates of the column.

    Raises
    ------
    DataError
        If a cell is no date or can be read in two ways, or one column has dates and the other serial numbers.
    """
    first, last = (_read(table, column, order) for column in (start, end))
    if first.serial != last.serial:
        raise DataError(
            f"column '{start if first.serial else end}' has serial numbers, '{end if first.serial else start}' dates",
            where=table.where,
            expected="both as dates, because serial numbers may count from 1900 or 1904",
            try_="format both columns as dates in the spreadsheet",
        )
    pairs = zip(first.values, last.values, strict=True)
    days = [None if one is None or other is None else float((other - one).days) for one, other in pairs]
    name = f"days from {start} to {end}"
    frame = table.frame.drop(columns=list({start, end})).assign(**{name: np.array(days, dtype=object)})
    sentence = f"Durations are the {name}; dates are read as {first.how} and {last.how}."
    return replace(table, frame=frame), name, sentence


def _read(table: Table, column: str, order: Order | None) -> _Dates:
    cells = texts(table, column).tolist()
    known = [cell for cell in cells if cell and not is_missing(cell)]
    is_serial = bool(known) and all(
        _SERIAL.fullmatch(cell) and SERIALS[0] <= float(cell) <= SERIALS[1] for cell in known
    )
    if is_serial:
        values = [_of_serial(cell) if cell in set(known) else None for cell in cells]
        return _Dates(values, "serial numbers of Excel", True)
    found, how = _order(known, column, table.where, order)
    wanted = set(known)
    return _Dates([_date(cell, found, column, table.where) if cell in wanted else None for cell in cells], how, False)


def _of_serial(cell: str) -> date:
    return EXCEL_DAY_0 + timedelta(days=int(float(cell)))


def _order(cells: Sequence[str], column: str, where: str, given: Order | None) -> tuple[Order | None, str]:
    """What the first of two numbers before a year is, and how dates are read."""
    matches = [match for match in map(_YEAR_LAST.fullmatch, cells) if match]
    if not matches:
        return None, "year, month, day" if any(map(_YEAR_FIRST.fullmatch, cells)) else "dates with names of months"
    day_first = [match for match in matches if int(match[1]) > 12]
    month_first = [match for match in matches if int(match[3]) > 12]
    if day_first and month_first:
        raise DataError(
            f"column '{column}' has '{day_first[0][0]}' and '{month_first[0][0]}'",
            where=where,
            expected="dates with day and month in one order",
            try_="correct the column; dates as 2020-04-03 are always clear",
        )
    if given is not None:
        return given, "day, month, year" if given == "day" else "month, day, year"
    if day_first or month_first:
        return ("day", "day, month, year") if day_first else ("month", "month, day, year")
    if all(match[2] == "." for match in matches):
        return "day", "day.month.year"
    raise DataError(
        f"column '{column}' has dates that can be read in two ways, such as '{matches[0][0]}'",
        where=where,
        expected="a date with a day above 12, or year-month-day",
        try_="--set data.date_order=day for day/month/year, or --set data.date_order=month",
    )


def _date(cell: str, order: Order | None, column: str, where: str) -> date:
    try:
        if match := _YEAR_FIRST.fullmatch(cell):
            return date(int(match[1]), int(match[3]), int(match[4]))
        if match := _YEAR_LAST.fullmatch(cell):
            numbers = int(match[1]), int(match[3])
            day, month = numbers if order == "day" else numbers[::-1]
            return date(int(match[4]), month, day)
        if match := _DAY_NAME.fullmatch(cell):
            return date(int(match[3]), _month(match[2]), int(match[1]))
        if match := _NAME_DAY.fullmatch(cell):
            return date(int(match[3]), _month(match[1]), int(match[2]))
    except ValueError:
        pass
    raise DataError(
        f"column '{column}' has '{cell}', which is no date that is clear",
        where=where,
        expected="2020-04-03, 3.4.2020, 4/3/2020 or 3 Apr 2020, with a year of four digits",
        try_="correct the cell, or declare it as missing with data.missing_codes",
    )


def _month(name: str) -> int:
    """Number of a month by its English name or the first three letters.

    Raises
    ------
    ValueError
        If it is none.
    """
    return MONTHS.index(name[:3].casefold()) + 1
