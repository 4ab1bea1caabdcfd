"""Columns of durations and events, chosen by name, content and partner together."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.tabular.candidates import ENDPOINTS_OF_EVENT, Candidate, duration_named, event_named
from survembed.datasets.tabular.event_codes import EVENT_WORDS, NO, YES, is_censored_word, is_event_word, normalised
from survembed.datasets.tabular.numerals import numeral
from survembed.datasets.tabular.table import Table
from survembed.datasets.tabular.texts import categories, texts
from survembed.datasets.tabular.time_unit import DAYS, unit_in
from survembed.datasets.tabular.words import ENDPOINTS, canonical
from survembed.errors import DataError, nearest

if TYPE_CHECKING:
    from survembed.datasets import ClinicalStudy, Tabular

_MAX_CODES = 10
"""A column with more distinct contents does not hold codes of events."""


@dataclass(frozen=True)
class Columns:
    """Columns of a table and how to read them, as far as the user or a preset gives them.

    Attributes
    ----------
    id, duration, event
        Column names; None to find the column by name and content.
    event_value, censored_values
        Contents of the event column; see `event_codes`.
    unit
        `days`, `weeks`, `months`, `years`, or `units` (only a label); None to read it from the name of the durations.
    allow
        Columns that are kept although they may reveal the outcome.
    sheet
        Sheet of a workbook; None for the only visible one with data.
    decimal
        Decimal mark of numbers, `.` or `,`; None to decide by each column.
    missing
        Contents of cells without a value, besides the usual ones.
    truth
        Column with the true log-hazard of simulated subjects; None if there is none.
    causes
        Codes and names of competing causes in the event column; empty for one kind of event.
    entry
        Column of late entries, in the unit of the durations; None if all subjects are observed from the start.
    start, end, date_order
        Columns of dates between which the durations are, and what `3/4/2020` means; see `dates`.
    """

    id: str | None = None
    duration: str | None = None
    event: str | None = None
    event_value: str | None = None
    unit: str | None = None
    sheet: str | None = None
    missing: tuple[str, ...] = ()
    truth: str | None = None
    censored_values: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    decimal: str | None = None
    entry: str | None = None
    start: str | None = None
    end: str | None = None
    date_order: Literal["day", "month"] | None = None
    causes: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, options: ClinicalStudy | Tabular, truth: str | None = None) -> Columns:
        """Columns as the options of a dataset give them."""
        return cls(
            id=options.id_column,
            duration=options.duration_column,
            event=options.event_column,
            event_value=options.event_value,
            unit=options.duration_unit,
            sheet=options.sheet,
            missing=options.missing_codes,
            truth=truth,
            censored_values=options.censored_values,
            allow=options.allow,
            decimal=options.decimal,
            entry=options.entry_column,
            start=options.start_column,
            end=options.end_column,
            date_order=options.date_order,
            causes=options.causes,
        )


def require_column(table: Table, column: str) -> str:
    """Return `column` if the table has it.

    Raises
    ------
    DataError
        If the table has no such column; the nearest name is suggested.
    """
    names = [str(name) for name in table.frame.columns]
    if column in names:
        return column
    close = nearest(column, names)
    raise DataError(
        f"no column '{column}'",
        where=table.where,
        expected="one of " + ", ".join(names[:30]),
        try_=f"'{close}'" if close else None,
    )


def find_outcome(table: Table, duration: str | None, event: str | None) -> tuple[str, str]:
    """Columns of durations and events: the given ones, or the best pair of candidates.

    A pair of the same endpoint (`PFI.time` and `PFI`) ranks above two columns that only fit by name. Death is no event
    of another endpoint (`PFS_days` and `death`); a recurrence is that of `RFS` if no column holds deaths. Columns with
    equal contents (the same durations in another unit, the same events in other words) are no conflict.

    Raises
    ------
    DataError
        If a given column does not exist, no column is a candidate, or several are equally good.
    """
    if duration is not None and event is not None:
        return duration, event
    durations = _candidates(table, duration, duration_named, is_duration, {event})
    events = _candidates(table, event, event_named, is_event, {duration})
    if not durations or not events:
        raise _not_found("duration" if not durations else "event", table)
    pairs = {
        (first, second): first.score + second.score + (3 if first.endpoint and first.endpoint == second.endpoint else 0)
        for first, second in product(durations, events)
        if first.name != second.name and _may_belong_together(first, second, None if event else events)
    }
    if not pairs:
        raise _no_pair(durations, events, table)
    if event is None:
        pairs = {pair: score for pair, score in pairs.items() if pair[0].endpoint not in ENDPOINTS} or pairs
    best = [pair for pair, score in pairs.items() if score == max(pairs.values())]
    firsts = list(dict.fromkeys(first.name for first, _ in best))
    seconds = list(dict.fromkeys(second.name for _, second in best))
    for role, names, are_equal in (("duration", firsts, same_durations), ("event", seconds, _same_events)):
        different = [name for name in names[1:] if not are_equal(table, names[0], name)]
        if different:
            raise DataError(
                f"columns '{names[0]}' and '{different[0]}' may both be the {role}, and they differ",
                where=table.where,
                expected=f"one column of {role}s, or its name",
                try_=f"--set 'data.{role}_column={names[0]}', or '{different[0]}'",
            )
    return firsts[0], seconds[0]


def _candidates(
    table: Table,
    given: str | None,
    named: Callable[[str], Candidate | None],
    holds: Callable[[Table, Candidate], bool],
    taken: Collection[str | None],
) -> list[Candidate]:
    """The given column, or all whose name and content fit."""
    if given is not None:
        return [named(given) or Candidate(given, 1, "")]
    found = [named(str(name)) for name in table.frame.columns if name not in taken]
    return [candidate for candidate in found if candidate is not None and holds(table, candidate)]


def _may_belong_together(duration: Candidate, event: Candidate, events: Collection[Candidate] | None) -> bool:
    """Whether two columns can be an outcome; `events` are all candidates, None if the event is given."""
    first, second = duration.endpoint, event.endpoint
    if second in ENDPOINTS_OF_EVENT:
        is_only = events is None or not any(other.is_death for other in events)
        return (first in ENDPOINTS_OF_EVENT[second] and is_only) or (first == "" and events is None)
    if first in ENDPOINTS and event.is_death:
        return False
    return first == second or {first, second} <= {"", "os"} or "" in (first, second)


def _no_pair(durations: Collection[Candidate], events: Collection[Candidate], table: Table) -> DataError:
    first, second = next(iter(durations)), next(iter(events))
    return DataError(
        f"column '{first.name}' holds durations, but '{second.name}' need not be their event",
        where=table.where,
        expected="durations and events of one endpoint, such as OS_months and death",
        try_=f"--set 'data.duration_column={first.name}' --set 'data.event_column={second.name}', if they belong "
        f"together; else another of {', '.join(map(str, table.frame.columns[:30]))}",
    )


def _not_found(role: str, table: Table) -> DataError:
    examples = "time, os_months, survival_days" if role == "duration" else "event, death, vital_status"
    return DataError(
        f"cannot determine which column is the {role}",
        where=table.where,
        expected=f"a column with a usual name ({examples}, …) and fitting contents",
        try_=f"--set data.{role}_column=NAME, with one of {', '.join(map(str, table.frame.columns[:30]))}",
    )


def is_duration(table: Table, candidate: Candidate) -> bool:
    """Whether most contents are numbers of 0 or more, and neither only 0 and 1 nor, without a unit, a few grades."""
    values = first_readings(table, candidate.name)
    known = values[np.isfinite(values)]
    if 2 * len(known) < len(values) or (len(known) > 2 and set(known.tolist()) <= {0.0, 1.0}):
        return False
    distinct = np.unique(known)
    if canonical(candidate.name) == ("t",) and {"n", "m"} & {str(name).casefold() for name in table.frame.columns}:
        return False  # T, N and M of TNM
    is_grade = len(known) >= 10 and len(distinct) <= 6 and distinct.max() <= 10
    return 2 * int((known >= 0).sum()) >= len(known) and not (is_grade and unit_in(candidate.name) is None)


def is_event(table: Table, candidate: Candidate) -> bool:
    """Whether the contents may be codes of events; `os` or `survival` must hold 0 and 1, or known words."""
    contents = {normalised(text) for text in categories(table, candidate.name).values if text}
    if not contents or len(contents) > _MAX_CODES:
        return False
    core = set(canonical(candidate.name))
    if core & ({"event", "status", "dead", "fustat"} | EVENT_WORDS):
        return True
    return contents <= YES | NO or all(is_event_word(each) or is_censored_word(each) for each in contents)


def first_readings(table: Table, column: str) -> NDArray[np.float64]:
    """Cells (n,) as numbers in their first reading, NaN if they are none: only to choose the column."""
    numerals = [numeral(text) for text in texts(table, column).tolist()]
    return np.array([next(iter(one.readings.values())) if one else np.nan for one in numerals], dtype=np.float64)


def same_durations(table: Table, one: str, other: str, rows: NDArray[np.bool_] | None = None) -> bool:
    """Whether two columns hold the same durations in their units, up to one unit of rounding; in all `rows` (n,)."""
    first, second = first_readings(table, one), first_readings(table, other)
    factors = [DAYS.get(unit_in(name) or "days", np.nan) for name in (one, other)]
    scaled = first * factors[0], second * factors[1]
    both = np.isfinite(scaled[0]) & np.isfinite(scaled[1])
    tolerance = 0.51 * sum(factors) if factors[0] != factors[1] else 1e-6
    are_same = both & (np.abs(scaled[0] - scaled[1]) <= tolerance + 0.01 * scaled[0])
    return bool(are_same[... if rows is None else rows].all())


def _same_events(table: Table, one: str, other: str) -> bool:
    """Whether two columns of codes that both count 1 or a word as the event mark the same subjects."""
    marks = []
    for name in (one, other):
        contents = [normalised(text) for text in categories(table, name).values]
        marks.append([content in YES or is_event_word(content) for content in contents])
    return marks[0] == marks[1]
