"""Numbers as people write them: decimal and thousands marks, units, limits such as `<5`."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

DECIMALS = {".": "point", ",": "comma"}
"""Decimal marks, and how messages call them."""

_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u200a\u202f\t"), " ")
_SIGNS = str.maketrans("\u2212\uff0d\uff0b\uff0c\uff0e\u2019\u02bc", "--+,.''")
_UNITS = (
    r"%|‰|°c?|[$€£¥]|eur|usd|gbp|chf|"
    r"(?:[µμu]|k|m|n|p)?g(?:/(?:d|m)?l)?|(?:m|k)?i?u/(?:m|d)?l|(?:[µμu]|m|n|p)?mol(?:/l)?|(?:d|m|[µμu])?l|m?eq/l|"
    r"[cmkµμ]?m(?:[²³23])?|ccm?|hu|m?gy|mmhg|bpm|/min|/[µμu]l|kg/m[²2]|"
    r"y|yrs?|years?|jahre?n?|mos?|mths?|months?|monate?n?|w|wks?|weeks?|wochen?|d|days?|tage?n?|h|hrs?|hours?|min"
)
_LONGEST = 64
"""Characters of the longest cell that is parsed: a longer one is text."""
_NUMERAL = re.compile(rf"([$€£¥]?)\s*([-+]?[\d.,][\d., ']*(?:e[-+]?\d+)?)\s*((?:{_UNITS})\.?)?", re.IGNORECASE)
_LIMIT = re.compile(r"(?:[<>≤≥~≈±]=?|=[<>]|ca\.?|approx\.?|about|etwa)\s*(.*)|(.*?)\s*(?:\+|\+/-.*|±.*)", re.IGNORECASE)


def _grammar(decimal: str) -> re.Pattern[str]:
    """Numbers with this decimal mark; a thousands mark separates groups of three digits, the first without zero."""
    mark, other = re.escape(decimal), "," if decimal == "." else r"\."
    plain = rf"\d+(?:{mark}\d*)?(?:e[-+]?\d+)?|{mark}\d+(?:e[-+]?\d+)?"
    grouped = rf"[1-9]\d{{0,2}}(?P<thousands>[{other} '])\d{{3}}(?:(?P=thousands)\d{{3}})*(?:{mark}\d+)?"
    return re.compile(rf"[-+]?(?:{plain}|{grouped})", re.IGNORECASE)


_GRAMMARS = {decimal: _grammar(decimal) for decimal in DECIMALS}


@dataclass(frozen=True)
class Numeral:
    """A cell that holds a number.

    Attributes
    ----------
    readings
        Value by decimal mark; two values may be equal, as those of `12`.
    thousands
        Thousands mark by decimal mark, "" if the cell has none.
    unit
        Unit after (or currency before) the number, in lower case; "" if there is none.
    is_limit
        Whether the cell is a limit or an estimate, such as `<5`, `≥ 5`, `~5` or `5+`.
    """

    readings: Mapping[str, float]
    thousands: Mapping[str, str]
    unit: str = ""
    is_limit: bool = False


def plain(cell: str) -> str:
    """`cell` with ASCII digits, signs and spaces, without quotation marks around it."""
    if not cell.isascii():
        cell = cell.translate(_SPACES).translate(_SIGNS)
        cell = "".join(str(unicodedata.decimal(sign, sign)) for sign in cell)
    return cell.strip().strip("\"'").strip()


@lru_cache(maxsize=100_000)
def numeral(cell: str) -> Numeral | None:
    """The number in `cell`, with or without a unit; None if it is something else, such as `1_000`, `inf` or a date."""
    if len(cell) > _LONGEST:
        return None
    text = plain(cell)
    limit = _LIMIT.fullmatch(text)
    parts = _NUMERAL.fullmatch((limit[1] or limit[2] or "") if limit else text)
    if parts is None:
        return None
    digits, readings, thousands = parts[2].strip(), {}, {}
    for decimal, grammar in _GRAMMARS.items():
        match = grammar.fullmatch(digits)
        if match:
            mark = match["thousands"] or ""
            readings[decimal] = float((digits.replace(mark, "") if mark else digits).replace(decimal, "."))
            thousands[decimal] = mark
    unit = (parts[1] or parts[3] or "").lower().rstrip(".")
    if not readings or not all(map(math.isfinite, readings.values())):
        return None
    return Numeral(readings, thousands, unit, limit is not None)
