"""Names of columns that may hold durations or events."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from survembed.datasets.tabular.time_unit import UNIT_OF_WORD
from survembed.datasets.tabular.words import ENDPOINTS, canonical, word_set

_CLAUSES = word_set("since from after at seit nach depuis desde dal vanaf")
PLURALS = word_set(
    "days dys tage tagen jours dias giorni dagen weeks wks wochen semaines semanas settimane weken months mos "
    "mths monate mois meses mesi maanden years yrs jahre ans annees anos anni jaren"
)
"""A column that is named by its unit alone may hold durations; `year` and `month` are dates."""
_FILLERS = word_set("de del della di da do du des in the or and indicator flag code recode yn by is has")
_ANSWERS = word_set("0 1 yes no y n")
_DURATION_WORDS = word_set(
    "os overall survival time duration followup t tte to death event censored last contact obs vital"
)
_EVENT_WORDS = word_set(
    "os overall survival event death dead vital status stat observed fustat followup e censored alive patient delta"
)


ENDPOINTS_OF_EVENT = {
    "recurrence": word_set("rfs rfi ttr lrfs lrrfs drfs dmfs mfs"),
    "progression": word_set("pfs pfi ttp"),
}
"""Endpoints whose event may be recorded as a recurrence or a progression alone, where no death is recorded."""


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
        `os`, one of `ENDPOINTS`, or "" if the name has none; of an event also `recurrence` or `progression`.
    is_death
        Whether the name of an event says that it is death; other endpoints than `os` end at other events, too.
    """

    name: str
    score: int
    endpoint: str
    is_death: bool = False


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
    if core - _DURATION_WORDS or ("to" not in core and core & {"death", "event", "censored"}):
        return None
    if "vital" in core and not has_unit:
        return None
    is_named = bool(
        core & {"survival", "os", "followup", "duration", "tte", "vital"} or {"to", "time"} <= core or endpoint
    )
    if not core and not endpoint:
        score = 2 if set(parts) & PLURALS else 0
    elif core == {"t"}:
        score = 1
    elif core == {"duration"} or (core == {"time"} and has_unit) or (is_named and (has_unit or "time" in core)):
        score = 3
    else:
        score = 2
    score -= (2 if core <= {"time"} and not endpoint else 1) if clause < len(parts) else 0
    return Candidate(name, score, endpoint) if score > 0 else None


def is_time_to_death(name: str) -> bool:
    """Whether a column has the time to death by its name, such as `days_to_death`, which only the dead have."""
    parts = set(canonical(name))
    return "death" in parts and bool(parts & {"to", "until", "till"}) and bool(parts & {"time", *UNIT_OF_WORD})


def event_named(name: str) -> Candidate | None:
    """The column as a candidate for events, by its name alone; None if the name is another one."""
    plain = re.sub(r"\([^)\d=]*\)", "", name)  # Vital status recode (study cutoff used)
    core = {word for word in canonical(plain) if word not in _FILLERS and word not in _ANSWERS}
    endpoint = _endpoint(core)
    core -= {endpoint} if endpoint in ENDPOINTS else set()
    if core in ({"recurrence"}, {"progression"}):
        return Candidate(name, 1, core.pop())
    if core - _EVENT_WORDS or not (core or endpoint):
        return None
    is_death = bool(core & {"death", "dead", "vital"}) or endpoint == "os"
    if core & {"event", "death", "dead", "fustat"} or core >= {"vital", "status"} or (endpoint and "status" in core):
        return Candidate(name, 3, endpoint, is_death)
    if core & {"censored", "alive", "e", "delta"} or (core <= {"overall", "survival"} and endpoint not in ENDPOINTS):
        return Candidate(name, 1, "", is_death or "alive" in core)  # 1 may mean that the subject lives
    is_general = bool(endpoint or core & {"status", "stat", "observed"})
    return Candidate(name, 2, endpoint, is_death) if is_general else None


def _endpoint(core: Collection[str]) -> str:
    if "os" in core or {"overall", "survival"} <= set(core):
        return "os"
    return next((word for word in core if word in ENDPOINTS), "")
