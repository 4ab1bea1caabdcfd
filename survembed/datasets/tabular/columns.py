"""Columns of a table by their role: durations, events and ids, chosen by name and content together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.tabular.cells import texts, to_number
from survembed.datasets.tabular.event_codes import EVENT_WORDS, NO, YES, is_censored_word, is_event_word, normalised
from survembed.datasets.tabular.time_unit import DAYS, UNIT_OF_WORD, unit_in
from survembed.datasets.tabular.words import ENDPOINTS, canonical, word_set, words
from survembed.errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd

ID_NAMES = (
    *("id", "subject_id", "subject", "case_id", "case", "patient_id", "patient", "participant_id", "participant"),
    *("image_id", "sample_id", "pid", "pat_id", "ptid", "subj_id", "usubj_id", "study_id", "record_id", "tcia_id"),
    *("barcode", "pseudonym", "pseudonym_id"),
)
"""Names of id columns, most likely first; compared without case and separators."""

_CLAUSES = word_set("since from after at seit nach depuis desde dal vanaf")
_PLURALS = word_set(
    "days dys tage tagen jours dias giorni dagen weeks wks wochen semaines semanas settimane weken months mos "
    "mths monate mois meses mesi maanden years yrs jahre ans annees anos anni jaren"
)
"""A column that is named by its unit alone may hold durations; `year` and `month` are dates."""
_FILLERS = word_set("in the or and indicator flag code yn by")
_DURATION_WORDS = word_set("os overall survival time duration followup t to death event last contact obs")
_EVENT_WORDS = word_set(
    "os overall survival event death dead vital status stat observed fustat followup e censored alive patient delta"
)
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
        Sheet of a workbook; None for the first.
    missing
        Contents of cells without a value.
    truth
        Column with the true log-hazard of simulated subjects; None if there is none.
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


@dataclass(frozen=True)
class Candidate:
    """A column that may hold durations or events.

    Attributes
    ----------
    name
        The column.
    score
        3 for an explicit name (`os_months`, `vital_status`), 2 for a general one (`time`, `status`), 1 for a weak one.
    endpoint
        `os`, one of `ENDPOINTS`, or "" if the name has none.
    """

    name: str
    score: int
    endpoint: str


def require_column(frame: pd.DataFrame, column: str, where: str) -> str:
    """Return `column` if the table has it.

    Raises
    ------
    DataError
        If the table has no such column; the nearest name is suggested.
    """
    names = [str(name) for name in frame.columns]
    if column in names:
        return column
    close = nearest(column, names)
    raise DataError(
        f"no column '{column}'",
        where=where,
        expected="one of " + ", ".join(names[:30]),
        try_=f"'{close}'" if close else None,
    )


def duration_named(name: str) -> Candidate | None:
    """The column as a candidate for durations, by its name alone; None if the name is another one."""
    parts = [word for word in canonical(name) if word not in _FILLERS]
    clause = next((at for at, word in enumerate(parts) if word in _CLAUSES and at), len(parts))
    if "to" in parts[clause:]:  # days from diagnosis to surgery
        return None
    has_unit = any(word in UNIT_OF_WORD for word in parts)
    core = {word for word in parts[:clause] if word not in UNIT_OF_WORD}
    endpoint = _endpoint(core)
    core -= {endpoint} if endpoint in ENDPOINTS else set()
    core -= {"of"} if core & {"followup", "survival"} else set()
    if core - _DURATION_WORDS or ("to" not in core and core & {"death", "event"}):
        return None
    is_named = bool(core & {"survival", "os", "followup", "duration"} or {"to", "time"} <= core or endpoint)
    if not core and not endpoint:
        score = 2 if set(parts) & _PLURALS else 0
    elif core == {"t"}:
        score = 1
    elif core == {"duration"} or (core == {"time"} and has_unit) or (is_named and (has_unit or "time" in core)):
        score = 3
    else:
        score = 2
    score -= (2 if core <= {"time"} and not endpoint else 1) if clause < len(parts) else 0
    return Candidate(name, score, endpoint) if score > 0 else None


def event_named(name: str) -> Candidate | None:
    """The column as a candidate for events, by its name alone; None if the name is another one."""
    core = {word for word in canonical(name) if word not in _FILLERS}
    endpoint = _endpoint(core)
    core -= {endpoint} if endpoint in ENDPOINTS else set()
    if core - _EVENT_WORDS or not (core or endpoint):
        return None
    if core & {"event", "death", "dead", "fustat"} or core >= {"vital", "status"} or (endpoint and "status" in core):
        return Candidate(name, 3, endpoint)
    if core & {"censored", "alive", "e", "delta"}:
        return Candidate(name, 1, endpoint)
    is_general = bool(endpoint or core & {"status", "stat", "survival", "observed"})
    return Candidate(name, 2, endpoint) if is_general else None


def _endpoint(core: Collection[str]) -> str:
    if "os" in core or {"overall", "survival"} <= set(core):
        return "os"
    return next((word for word in core if word in ENDPOINTS), "")


def find_outcome(frame: pd.DataFrame, duration: str | None, event: str | None, where: str) -> tuple[str, str]:
    """Columns of durations and events: the given ones, or the best pair of candidates.

    A pair of the same endpoint (`PFI.time` and `PFI`) ranks above two columns that only fit by name. Columns with equal
    contents (the same durations in another unit, the same events in other words) are no conflict.

    Raises
    ------
    DataError
        If a given column does not exist, no column is a candidate, or several are equally good.
    """
    for given in (duration, event):
        if given is not None:
            require_column(frame, given, where)
    durations = _candidates(frame, duration, duration_named, is_duration, {event})
    events = _candidates(frame, event, event_named, is_event, {duration})
    if not durations or not events:
        raise _not_found("duration" if not durations else "event", frame, where)
    general = [candidate for candidate in durations if candidate.endpoint not in ENDPOINTS]
    pairs = {
        (first, second): first.score + second.score + (3 if first.endpoint and first.endpoint == second.endpoint else 0)
        for first, second in product(general or durations, events)
        if first.name != second.name and _may_belong_together(first.endpoint, second.endpoint)
    }
    if not pairs:
        raise _not_found("event", frame, where)
    best = [pair for pair, score in pairs.items() if score == max(pairs.values())]
    firsts = list(dict.fromkeys(first.name for first, _ in best))
    seconds = list(dict.fromkeys(second.name for _, second in best))
    for role, names, are_equal in (("duration", firsts, _same_durations), ("event", seconds, _same_events)):
        different = [name for name in names[1:] if not are_equal(frame, names[0], name)]
        if different:
            raise DataError(
                f"columns '{names[0]}' and '{different[0]}' may both be the {role}, and they differ",
                where=where,
                expected=f"one column of {role}s, or its name",
                try_=f"--set 'data.{role}_column={names[0]}', or '{different[0]}'",
            )
    return firsts[0], seconds[0]


def _candidates(
    frame: pd.DataFrame,
    given: str | None,
    named: Callable[[str], Candidate | None],
    holds: Callable[[pd.DataFrame, Candidate], bool],
    taken: Collection[str | None],
) -> list[Candidate]:
    """The given column, or all whose name and content fit."""
    if given is not None:
        return [named(given) or Candidate(given, 1, "")]
    found = [named(str(name)) for name in frame.columns if name not in taken]
    return [candidate for candidate in found if candidate is not None and holds(frame, candidate)]


def _may_belong_together(first: str, second: str) -> bool:
    return first == second or {first, second} <= {"", "os"} or "" in (first, second)


def _not_found(role: str, frame: pd.DataFrame, where: str) -> DataError:
    examples = "time, os_months, survival_days" if role == "duration" else "event, death, vital_status"
    return DataError(
        f"cannot determine which column is the {role}",
        where=where,
        expected=f"a column with a usual name ({examples}, …) and fitting contents",
        try_=f"--set data.{role}_column=NAME, with one of {', '.join(map(str, frame.columns[:30]))}",
    )


def is_duration(frame: pd.DataFrame, candidate: Candidate) -> bool:
    """Whether most contents are numbers of 0 or more, and neither only 0 and 1 nor, without a unit, a few grades."""
    values = _numbers(frame, candidate.name)
    known = values[np.isfinite(values)]
    if 2 * len(known) < len(values) or set(known.tolist()) <= {0.0, 1.0}:
        return False
    distinct = np.unique(known)
    if canonical(candidate.name) == ("t",) and {"n", "m"} & {str(name).casefold() for name in frame.columns}:
        return False  # T, N and M of TNM
    is_grade = len(known) >= 10 and len(distinct) <= 6 and distinct.max() <= 10
    return bool(np.median(known) >= 0) and not (is_grade and unit_in(candidate.name) is None)


def is_event(frame: pd.DataFrame, candidate: Candidate) -> bool:
    """Whether the contents may be codes of events; `os` or `survival` must hold 0 and 1, or known words."""
    contents = {normalised(text) for text in texts(frame[candidate.name]) if text}
    if not contents or len(contents) > _MAX_CODES:
        return False
    core = set(canonical(candidate.name))
    if core & ({"event", "status", "dead", "fustat"} | EVENT_WORDS):
        return True
    return contents <= YES | NO or all(is_event_word(each) or is_censored_word(each) for each in contents)


def _numbers(frame: pd.DataFrame, column: str) -> NDArray[np.float64]:
    return np.array([to_number(cell.replace(",", ".")) for cell in texts(frame[column])], dtype=np.float64)


def _same_durations(frame: pd.DataFrame, one: str, other: str) -> bool:
    """Whether two columns hold the same durations in their units, up to one unit of rounding."""
    first, second = _numbers(frame, one), _numbers(frame, other)
    factors = [DAYS.get(unit_in(name) or "days", np.nan) for name in (one, other)]
    scaled = first * factors[0], second * factors[1]
    both = np.isfinite(scaled[0]) & np.isfinite(scaled[1])
    tolerance = 0.51 * sum(factors) if factors[0] != factors[1] else 1e-6
    return bool(both.all() and (np.abs(scaled[0] - scaled[1]) <= tolerance + 0.01 * scaled[0]).all())


def _same_events(frame: pd.DataFrame, one: str, other: str) -> bool:
    """Whether two columns of codes that both count 1 or a word as the event mark the same subjects."""
    marks = []
    for name in (one, other):
        contents = [normalised(text) for text in texts(frame[name])]
        marks.append([content in YES or is_event_word(content) for content in contents])
    return marks[0] == marks[1]


def find_id(frame: pd.DataFrame, given: str | None, taken: Collection[str], where: str) -> tuple[str | None, str]:
    """The id column and a sentence on a column that was not used, else "".

    A column that is found by its name must have a different content in every row, and must not hold names of people.

    Raises
    ------
    DataError
        If the given column does not exist.
    """
    if given is not None:
        return require_column(frame, given, where), ""
    by_name = {"".join(words(str(name))): str(name) for name in frame.columns if name not in taken}
    found = [by_name[name] for name in (each.replace("_", "") for each in ID_NAMES) if name in by_name]
    named = [column for column in found if are_names(texts(frame[column]).tolist())]
    usable = [column for column in found if column not in named]
    unique = [column for column in usable if len(set(texts(frame[column]).tolist()) - {""}) == len(frame)]
    note = f"Column '{named[0]}' is not used as the id: it seems to hold names of people." if named else ""
    return next(iter([*unique, *usable]), None), note


def is_id_name(name: str) -> bool:
    """Whether a column has a usual name of an id column."""
    return "".join(words(name)) in {each.replace("_", "") for each in ID_NAMES}


def are_names(contents: Sequence[str]) -> bool:
    """Whether most contents look like names of people: `Roe, Jane`, `Jane Roe`, `ROE^JANE`, `Roe`; without digits."""
    known = [content for content in contents if content]
    return bool(known) and 2 * sum(map(_is_name, known)) > len(known)


def _is_name(content: str) -> bool:
    parts = [part for part in content.replace(",", " ").replace("^", " ").replace(".", " ").split() if part]
    if not parts or not all(part.replace("-", "").replace("'", "").isalpha() for part in parts):
        return False
    return len(parts) >= 2 or (len(parts[0]) >= 3 and parts[0][0].isupper() and parts[0][1:].islower())
