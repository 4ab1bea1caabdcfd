"""Late entry: the time from which a subject is under observation, from a column of the table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.tabular.cells import durations, unusable_durations
from survembed.datasets.tabular.columns import first_readings
from survembed.datasets.tabular.table import Table
from survembed.datasets.tabular.time_unit import unit_in
from survembed.errors import DataError


@dataclass(frozen=True)
class Entry:
    """Late entries of the subjects of a table.

    Attributes
    ----------
    values
        (n,) float64 in the unit of the durations, less than them; None if all subjects enter at the same time, before
        any of them leaves: then no risk set depends on it.
    choice
        A clause on the column.
    """

    values: NDArray[np.float64] | None
    choice: str


def unusable_entries(table: Table, column: str, duration_column: str) -> NDArray[np.bool_]:
    """(n,) True where an entry is missing, negative or not a number, or not before the end of the follow-up."""
    entry, end = first_readings(table, column), first_readings(table, duration_column)
    same = len(entry) > 0 and bool((entry == entry[0]).all() and (entry[0] <= end.min()))
    late = np.zeros(len(entry), dtype=np.bool_) if same else entry >= end
    unusable: NDArray[np.bool_] = unusable_durations(table, column) | late
    return unusable


def read_entry(table: Table, column: str, duration: NDArray[np.float64], ids: NDArray[np.str_]) -> Entry:
    """Late entries of the subjects with these durations and ids (n,).

    Raises
    ------
    DataError
        If an entry is missing, negative or not a number, or not before the end of the follow-up.
    """
    entry = durations(table, column, ids).values
    if np.ptp(entry) == 0 and entry[0] <= duration.min():
        return Entry(None, f"all entries, column '{column}', are {entry[0]:g}, so that nobody enters late")
    late = np.flatnonzero(entry >= duration)
    if len(late):
        first = late[0]
        raise DataError(
            f"{len(late)} subject(s) enter at or after the end of their follow-up, first: subject '{ids[first]}' "
            f"enters at {entry[first]:g} (column '{column}') and leaves at {duration[first]:g}",
            where=table.where,
            expected="entries below the durations, both from the same start in the same unit",
        )
    return Entry(entry, f"late entries are column '{column}' ({int((entry > 0).sum())} after the start)")


def require_same_unit(table: Table, column: str, duration_column: str, unit: str) -> None:
    """Refuse entries whose name tells another unit than that of the durations.

    Raises
    ------
    DataError
        If it does.
    """
    named = unit_in(column)
    if named is not None and unit != "units" and named != unit:
        raise DataError(
            f"entries in {named} (column '{column}'), durations in {unit} (column '{duration_column}')",
            where=table.where,
            expected="one unit for both",
        )
