"""Competing causes: which code of the event column is which cause."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.tabular.event_codes import NO, EventCodes, event_codes, is_censored_word, normalised
from survembed.errors import DataError

Declared = tuple[tuple[str, str], ...]

MOST_SHOWN = 10
"""Codes that an error names."""


def caused_codes(
    cells: Iterable[str], column: str, where: str, causes: Declared, censored_values: tuple[str, ...] = ()
) -> EventCodes:
    """What the contents of an event column mean where they are codes of `causes`; each cause is an event.

    Raises
    ------
    DataError
        If no subject has one of the causes, or a content is neither a cause nor censoring: 0, a known word, or declared
        in `censored_values`.
    """
    cells = list(cells)
    _require_all(cells, column, where, causes)
    codes = event_codes(cells, column, where, ",".join(code for code, _ in causes), censored_values)
    declared = {normalised(value) for value in censored_values}
    unnamed = sorted(each for each in codes.censored - declared if each not in NO and not is_censored_word(each))
    if unnamed:
        given = ",".join(f"{code}={name}" for code, name in causes)
        raise DataError(
            f"column '{column}' has the code '{unnamed[0]}', which data.causes does not name",
            where=where,
            expected="a name for each code other than 0",
            try_=f"--set 'data.causes={given},{unnamed[0]}=NAME', or --set data.censored_values={unnamed[0]}",
        )
    return codes


def _require_all(cells: list[str], column: str, where: str, causes: Declared) -> None:
    """Refuse a cause that no subject has; the remedy names the codes that are there."""
    there = sorted({normalised(cell) for cell in cells if cell.strip()})
    absent = [code for code, _ in causes if normalised(code) not in there]
    if not absent:
        return
    kept = {normalised(code): name for code, name in causes if code not in absent}
    others = [code for code in there if code not in kept and code not in NO and not is_censored_word(code)]
    named = ",".join(f"{code}={kept.get(code, 'NAME')}" for code in [*kept, *others][:MOST_SHOWN])
    raise DataError(
        f"no event: column '{column}' does not contain '{absent[0]}'",
        where=where,
        expected="one of " + ", ".join(there[:MOST_SHOWN]),
        try_=f"--set data.causes={named}"
        if len(kept) + len(others) > 1
        else f"--set data.event_value={named.partition('=')[0]} in place of data.causes, as there is one kind of event"
        if named
        else None,
    )


def decode_causes(cells: NDArray[np.str_], causes: Declared) -> NDArray[np.int64]:
    """(n,) number of the cause of each cell, from 1 in the order of `causes`; 0 for all other contents."""
    number = {normalised(code): place for place, (code, _) in enumerate(causes, start=1)}
    return np.array([number.get(normalised(cell), 0) for cell in cells], dtype=np.int64)
