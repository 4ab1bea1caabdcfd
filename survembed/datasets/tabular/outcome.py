"""Ids, durations and events of a table: the columns are chosen, their codes and units decided, the rows checked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.exclusions import Exclusion
from survembed.datasets.tabular.candidates import is_time_to_death
from survembed.datasets.tabular.causes import caused_codes, decode_causes
from survembed.datasets.tabular.cells import durations, identifiers, unusable_durations
from survembed.datasets.tabular.columns import (
    Columns,
    find_outcome,
    first_readings,
    require_column,
    same_durations,
)
from survembed.datasets.tabular.dates import with_durations
from survembed.datasets.tabular.descriptions import Description
from survembed.datasets.tabular.entry import read_entry, require_same_unit, unusable_entries
from survembed.datasets.tabular.event_codes import EventCodes, event_codes
from survembed.datasets.tabular.ids import find_id
from survembed.datasets.tabular.table import Table
from survembed.datasets.tabular.texts import categories, texts
from survembed.datasets.tabular.time_unit import time_unit, unit_warning
from survembed.errors import DataError

JOIN = (
    "join the time to the event and the time to the last contact in one column, and set --set data.duration_column=NAME"
)


@dataclass(frozen=True)
class Outcome:
    """Outcomes of the subjects of a table.

    Attributes
    ----------
    table
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
    notes
        Sentences on excluded rows and on cells.
    unit_warning
        A sentence if the durations are implausible in their unit, else None.
    exclusions
        Excluded rows by reason.
    entry
        (n,) float64 in the unit of the durations, less than them; None if all subjects are observed from the start.
    cause
        (n,) number of the cause of each event, from 1, and 0 for a censored subject; None for one kind of event.
    """

    table: Table
    columns: Columns
    id: NDArray[np.str_]
    duration: NDArray[np.float64]
    event: NDArray[np.bool_]
    choice: str
    notes: tuple[str, ...] = ()
    unit_warning: str | None = None
    exclusions: tuple[Exclusion, ...] = ()
    entry: NDArray[np.float64] | None = None
    cause: NDArray[np.int64] | None = None


def read_outcome(table: Table, asked: Columns, *, needs_id: bool, converted: bool, skip_bad: bool = False) -> Outcome:
    """Read ids, durations and events.

    Parameters
    ----------
    needs_id
        Whether subjects must have an id; if not, rows are numbered where no id column is found.
    converted
        Whether durations will be converted to days; see `time_unit`.
    skip_bad
        Exclude rows without an id, a usable duration or entry, or an event instead of raising an error. What the codes
        of events mean is decided before, for all rows.

    Raises
    ------
    DataError
        If a column, the codes or the unit are not clear, an id appears twice, or a duration or event is not usable.
    """
    table, asked, dated = _with_durations(table, asked)
    for given in (asked.id, asked.duration, asked.event, asked.entry):
        if given is not None:
            require_column(table, given)
    if asked.event is not None:  # before the other columns are chosen
        _codes(table, asked.event, asked)
    duration_column, event_column = find_outcome(table, asked.duration, asked.event)
    taken = {duration_column, event_column}
    id_column, id_warning = find_id(table, asked.id, taken)
    if id_column is None and needs_id:
        raise DataError(
            "cannot determine which column is the id" + (f". {id_warning}" if id_warning else ""),
            where=table.where,
            expected="a column named id, case_id, patient_id, … with the names of the images",
            try_=f"--set data.id_column=NAME, with one of {', '.join(map(str, table.frame.columns[:30]))}",
        )
    events = categories(table, event_column)
    codes = _codes(table, event_column, asked)
    _refuse_one_sided(table, duration_column, event_column, codes)
    if asked.duration is None:
        _refuse_other_deaths(table, duration_column, event_column, codes)
    bad = _bad_rows(table, id_column, events.values, duration_column)
    if asked.entry is not None:
        bad |= unusable_entries(table, asked.entry, duration_column)
    warnings = [id_warning] if id_warning else []
    exclusions: tuple[Exclusion, ...] = ()
    if skip_bad and bad.any():
        exclusions = (Exclusion("row(s) of the clinical table without a usable duration or event", int(bad.sum())),)
        warnings.append(_excluded(table, bad, id_column, exclusions[0]))
        table = replace(table, frame=table.frame[~bad].reset_index(drop=True))
    numbered = np.array([f"row-{row}" for row in range(1, len(table.frame) + 1)], dtype=np.str_)
    try:
        ids = numbered if id_column is None else identifiers(table, id_column)
        duration = durations(table, duration_column, ids)
        event = _events(table, event_column, codes, ids)
        entry = None if asked.entry is None else read_entry(table, asked.entry, duration.values, ids)
    except DataError as error:
        if skip_bad or not bad.any() or error.try_:
            raise
        remedy = "correct the table, or "
        remedy += "exclude such rows with --set data.skip_bad=true" if needs_id else "remove these rows"
        raise DataError(error.message, where=table.where, expected=error.expected, try_=remedy) from error
    unit, phrase = asked.unit or "", f"in {asked.unit} (given)"
    if asked.unit is None:
        description = table.descriptions.get(duration_column, Description("", ()))
        described, source = description.unit, description.source
        unit, phrase = time_unit(
            duration_column, duration.values, table.where, converted=converted, described=described, source=source
        )
    choice = (
        f"Durations are column '{duration_column}', {phrase}; events are column '{event_column}', which {codes}; "
        + "".join(f"{code} is {name}; " for code, name in asked.causes)
        + (entry.choice + "; " if entry else "")
        + (f"ids are column '{id_column}'." if id_column else "ids are row numbers.")
    )
    choice = f"{dated} {choice}" if dated else choice
    columns = replace(asked, id=id_column, duration=duration_column, event=event_column, unit=unit)
    notes = (*table.notes, *events.notes, *duration.notes, *warnings)
    doubt = unit_warning(duration.values, unit)
    if asked.entry is not None:
        require_same_unit(table, asked.entry, duration_column, unit)
    late = entry.values if entry else None
    cause = decode_causes(categories(table, event_column).values, asked.causes) if asked.causes else None
    return Outcome(table, columns, ids, duration.values, event, choice, notes, doubt, exclusions, late, cause)


def _with_durations(table: Table, asked: Columns) -> tuple[Table, Columns, str]:
    """The table with durations between two columns of dates, if they are given, and a sentence on them."""
    if asked.start is None and asked.end is None:
        return table, asked, ""
    if asked.start is None or asked.end is None or asked.duration is not None:
        raise DataError(
            "durations need one column of durations, or two of dates",
            where=table.where,
            expected="start_column and end_column together, without duration_column",
            try_="--set data.start_column=NAME --set data.end_column=NAME",
        )
    start, end = require_column(table, asked.start), require_column(table, asked.end)
    table, name, sentence = with_durations(table, start, end, asked.date_order)
    return table, replace(asked, duration=name, unit="days"), sentence


def _refuse_one_sided(table: Table, duration_column: str, event_column: str, codes: EventCodes) -> None:
    """Refuse durations that most subjects with the event have and most others lack, or the reverse: `days_to_death`."""
    events = categories(table, event_column).values
    is_event = codes.decode(events)
    missing = ~np.isfinite(first_readings(table, duration_column))
    for part, other in ((is_event, ~is_event), (~is_event, is_event)):
        n, rest = int((missing & part).sum()), int((missing & other).sum())
        if n >= 3 and 2 * n > part.sum() and 10 * rest < max(1, int(other.sum())):
            who = "with" if part is is_event else "without"
            raise DataError(
                f"column '{duration_column}' has no duration for {n} of {int(part.sum())} subjects {who} the event",
                where=table.where,
                expected=f"one column with the follow-up of all subjects, also of those {who} the event",
                try_=JOIN,
            )


def _refuse_other_deaths(table: Table, duration_column: str, event_column: str, codes: EventCodes) -> None:
    """Refuse the last contact as the duration where another column has later or earlier times of death."""
    is_event = codes.decode(categories(table, event_column).values)
    for name in map(str, table.frame.columns):
        if name == duration_column or not is_time_to_death(name):
            continue
        dead = is_event & np.isfinite(first_readings(table, name))
        if 2 * dead.sum() > is_event.sum() and not same_durations(table, duration_column, name, dead):
            raise DataError(
                f"column '{duration_column}' may be the duration, but for subjects with the event '{name}' differs",
                where=table.where,
                expected="one column with the time to death, or to the last contact of the others",
                try_=f"{JOIN}, or --set 'data.duration_column={duration_column}', if it is that",
            )


def _bad_rows(table: Table, id_column: str | None, events: NDArray[np.str_], duration_column: str) -> NDArray[np.bool_]:
    """(n,) True for rows without an id, an event or a usable duration."""
    bad: NDArray[np.bool_] = unusable_durations(table, duration_column) | (events == "")
    if id_column is not None:
        bad |= texts(table, id_column) == ""
    return bad


def _excluded(table: Table, bad: NDArray[np.bool_], id_column: str | None, exclusion: Exclusion) -> str:
    names = [] if id_column is None else [subject or "(no id)" for subject in texts(table, id_column)[bad][:5]]
    more = "…" if bad.sum() > 5 else ""
    return f"{exclusion.n} {exclusion.reason} left out: {', '.join(names)}{more}"


def _codes(table: Table, column: str, asked: Columns) -> EventCodes:
    contents = categories(table, column).values
    if asked.causes and asked.event_value is not None:
        raise DataError(
            "data.event_value and data.causes are both given",
            where=table.where,
            expected="one of them: event_value for one kind of event, causes for competing ones",
            try_="leave out data.event_value",
        )
    if asked.causes:
        return caused_codes(contents, column, table.where, asked.causes, asked.censored_values)
    return event_codes(contents, column, table.where, asked.event_value, asked.censored_values)


def _events(table: Table, column: str, codes: EventCodes, ids: NDArray[np.str_]) -> NDArray[np.bool_]:
    contents = categories(table, column).values
    missing = contents == ""
    if missing.any():
        first = ids[int(np.flatnonzero(missing)[0])]
        raise DataError(
            f"column '{column}' has no event for {int(missing.sum())} subject(s), first: subject '{first}'",
            where=table.where,
            expected="an event code for every subject",
        )
    return codes.decode(contents)
