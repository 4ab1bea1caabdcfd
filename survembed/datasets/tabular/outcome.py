"""Ids, durations and events of a table: the columns are chosen, their codes and units decided, the rows checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.exclusions import Exclusion
from survembed.datasets.tabular.cells import durations, identifiers, texts, to_number
from survembed.datasets.tabular.columns import Columns, find_id, find_outcome
from survembed.datasets.tabular.event_codes import event_codes
from survembed.datasets.tabular.time_unit import time_unit, unit_warning
from survembed.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Outcome:
    """Outcomes of the subjects of a table.

    Attributes
    ----------
    frame
        The table without excluded rows.
    columns
        Columns with all names and the unit resolved; `id` is None if rows are numbered.
    id
        (n,) strings, unique.
    duration
        (n,) float64 in the unit of the table, 0 or more.
    event
        (n,) bool, True where the event was observed.
    choice
        A sentence on the columns, the unit and the codes.
    warnings
        Sentences on excluded rows and implausible values.
    exclusions
        Excluded rows by reason.
    """

    frame: pd.DataFrame
    columns: Columns
    id: NDArray[np.str_]
    duration: NDArray[np.float64]
    event: NDArray[np.bool_]
    choice: str
    warnings: tuple[str, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()


def read_outcome(
    frame: pd.DataFrame, asked: Columns, where: str, *, needs_id: bool, converted: bool, skip_bad: bool = False
) -> Outcome:
    """Read ids, durations and events.

    Parameters
    ----------
    needs_id
        Whether subjects must have an id; if not, rows are numbered where no id column is found.
    converted
        Whether durations will be converted to days; see `time_unit`.
    skip_bad
        Exclude rows without an id, a usable duration or an event instead of raising an error. What the codes of events
        mean is decided before, for all rows.

    Raises
    ------
    DataError
        If a column, the codes or the unit are not clear, an id appears twice, or a duration or event is not usable.
    """
    duration_column, event_column = find_outcome(frame, asked.duration, asked.event, where)
    taken = {duration_column, event_column}
    id_column, id_warning = find_id(frame, asked.id, taken, where)
    if id_column is None and needs_id:
        raise DataError(
            "cannot determine which column is the id" + (f". {id_warning}" if id_warning else ""),
            where=where,
            expected="a column named id, case_id, patient_id, … with the names of the images",
            try_=f"--set data.id_column=NAME, with one of {', '.join(map(str, frame.columns[:30]))}",
        )
    codes = event_codes(texts(frame[event_column]), event_column, where, asked.event_value, asked.censored_values)
    bad = _bad_rows(frame, [column for column in (id_column, event_column) if column], duration_column)
    warnings = [id_warning] if id_warning else []
    exclusions: tuple[Exclusion, ...] = ()
    if skip_bad and bad.any():
        exclusions = (Exclusion("row(s) of the clinical table without a usable duration or event", int(bad.sum())),)
        warnings.append(_excluded(frame, bad, id_column, exclusions[0]))
        frame = frame[~bad].reset_index(drop=True)
    numbered = np.array([f"row-{row}" for row in range(1, len(frame) + 1)], dtype=np.str_)
    try:
        ids = numbered if id_column is None else identifiers(frame, id_column, where)
        duration = durations(frame, duration_column, ids, where)
        _refuse_missing_events(frame, event_column, ids, where)
    except DataError as error:
        if skip_bad or not bad.any() or error.try_ or not needs_id:
            raise
        remedy = "correct the table, or exclude such rows with --set data.skip_bad=true"
        raise DataError(error.message, where=where, expected=error.expected, try_=remedy) from error
    unit, phrase = (
        (asked.unit, f"in {asked.unit} (given)")
        if asked.unit
        else time_unit(duration_column, duration, where, converted=converted)
    )
    warnings += [warning for warning in (unit_warning(duration, unit),) if warning]
    choice = (
        f"Durations are column '{duration_column}', {phrase}; events are column '{event_column}', which {codes}; "
        + (f"ids are column '{id_column}'." if id_column else "ids are row numbers.")
    )
    columns = replace(asked, id=id_column, duration=duration_column, event=event_column, unit=unit)
    event = codes.decode(texts(frame[event_column]))
    return Outcome(frame, columns, ids, duration, event, choice, tuple(warnings), exclusions)


def _bad_rows(frame: pd.DataFrame, required: list[str], duration_column: str) -> NDArray[np.bool_]:
    """(n,) True for rows without a usable duration or without a value in a required column."""
    duration = np.array([to_number(cell) for cell in texts(frame[duration_column])], dtype=np.float64)
    bad = ~np.isfinite(duration) | (duration < 0)
    for column in required:
        bad |= texts(frame[column]) == ""
    return bad


def _excluded(frame: pd.DataFrame, bad: NDArray[np.bool_], id_column: str | None, exclusion: Exclusion) -> str:
    names = [] if id_column is None else [subject or "(no id)" for subject in texts(frame[id_column])[bad][:5]]
    more = "…" if bad.sum() > 5 else ""
    return f"{exclusion.n} {exclusion.reason} left out: {', '.join(names)}{more}"


def _refuse_missing_events(frame: pd.DataFrame, column: str, ids: NDArray[np.str_], where: str) -> None:
    missing = texts(frame[column]) == ""
    if missing.any():
        first = ids[int(np.flatnonzero(missing)[0])]
        raise DataError(
            f"column '{column}' has no event for {int(missing.sum())} subject(s), first: subject '{first}'",
            where=where,
            expected="an event code for every subject",
        )
