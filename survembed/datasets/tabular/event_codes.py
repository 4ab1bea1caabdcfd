"""Codes of events: which contents of a column are the event, decided once for the whole column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.tabular.words import word_set, words
from survembed.errors import DataError, nearest

YES = word_set("1 true yes y ja oui si sí sì sim")
NO = word_set("0 false no n nein non nao não nee")
"""Answers; what they mean depends on the name of the column."""

EVENT_WORDS = word_set(
    "event death dead died deceased expired exitus tod tot gestorben verstorben deces decede decedee mort "
    "morte muerte muerto muerta fallecido fallecida decesso deceduto deceduta morto obito falecido falecida "
    "overleden"
)
CENSORED_WORDS = word_set(
    "censored censor cens censoring alive living lives survived survivor lost ltfu withdrawn withdrew zensiert "
    "lebt lebend lebendig ueberlebt uberlebt vivant vivante censure vivo viva censurado censurada vive "
    "censurato vivente levend leeft gecensureerd"
)
CENSORED_PHRASES = frozenset(
    {"lost to follow up", "lost to followup", "end of study", "no event", "no death", "event free", "still alive"}
)

_INVERTED = re.compile(r"alive|living|surviv|cens|free|lebt|lebend|uberleb|ueberleb|vivant|vive|vivo|zens|levend")
_NAMES_EVENT = EVENT_WORDS | {"events", "dod"}
_UNKNOWN = re.compile(r"-.*|9+(\.0*)?")
"""Numbers that often mean an unknown status: -1, -999, 9, 99."""


@dataclass(frozen=True)
class EventCodes:
    """Contents of an event column, normalised: `1.0` and `1` are equal, and so are `Dead` and `dead`.

    Attributes
    ----------
    event, censored
        Contents that mean the event, and contents that mean censoring.
    """

    event: frozenset[str]
    censored: frozenset[str]

    def decode(self, cells: NDArray[np.str_]) -> NDArray[np.bool_]:
        """(n,) True where the event was observed; cells without a value are False."""
        return np.array([normalised(cell) in self.event for cell in cells], dtype=np.bool_)

    def __str__(self) -> str:
        counted = f"counts {_listed(self.event)} as the event"
        return (
            f"{counted}, {_listed(self.censored)} as censored" if self.censored else f"{counted}, nothing as censored"
        )


def normalised(cell: str) -> str:
    """Content in lower case; a number without needless digits."""
    text = " ".join(cell.casefold().split())
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


def event_codes(
    cells: Iterable[str], column: str, where: str, event_value: str | None, censored_values: Sequence[str] = ()
) -> EventCodes:
    """Decide what the contents of an event column mean.

    Without `event_value`, only 0 and 1, false and true, no and yes, or known words such as `dead` and `alive` (also
    `1:DECEASED`) are read. With it, every other content must be a number, a known word for censoring, or be in
    `censored_values`.

    Parameters
    ----------
    cells
        All contents; "" is no value and is ignored.
    event_value
        Content that marks the event, or several, separated by commas.
    censored_values
        Further contents that mean censoring.

    Raises
    ------
    DataError
        If a content has no clear meaning; the message lists the contents.
    """
    shown = {normalised(cell): cell for cell in sorted(set(cells)) if cell}
    declared = {normalised(value) for value in censored_values}
    if event_value is not None:
        return _declared_codes(shown, column, where, event_value, declared)
    codes = _known_codes(shown, column, declared)
    if codes is None:
        raise _unclear(f"column '{column}' has events that cannot be read: {_listed(shown)}", shown, where)
    return codes


def _known_codes(shown: dict[str, str], column: str, declared: set[str]) -> EventCodes | None:
    contents = set(shown) - declared
    if contents <= YES | NO:
        event = contents & YES
        return None if _may_be_inverted(column) else EventCodes(frozenset(event), frozenset(set(shown) - event))
    event = {content for content in contents if is_event_word(content)}
    censored = {content for content in contents if is_censored_word(content)}
    if event & censored or event | censored != contents:
        return None
    return EventCodes(frozenset(event), frozenset(set(shown) - event))


def _may_be_inverted(column: str) -> bool:
    """Whether 1 or yes may mean that the subject lives or is censored, by the name: `alive`, `overall_survival`."""
    found = words(column)
    return _INVERTED.search(" ".join(found)) is not None and not _NAMES_EVENT & set(found)


def _declared_codes(shown: dict[str, str], column: str, where: str, event_value: str, declared: set[str]) -> EventCodes:
    values = {normalised(event_value)}
    if not values & set(shown) and "," in event_value:
        values = {normalised(value) for value in event_value.split(",")}
    event = {content for content in shown if content in values or _without_code(content) in values}
    found = {each for content in event for each in (content, _without_code(content))}
    absent = sorted(values - found)
    if absent and shown:
        candidates = [text for content, text in shown.items() if content not in event]
        raise DataError(
            f"no event: column '{column}' does not contain '{absent[0]}'",
            where=where,
            expected="one of " + ", ".join(list(shown.values())[:10]),
            try_=f"--set data.event_value={nearest(event_value, candidates) or next(iter(shown.values()))}",
        )
    others = set(shown) - event
    unclear = {each for each in others - declared if not (_is_code(each) or each in NO or is_censored_word(each))}
    if unclear:
        listed = _listed(shown[each] for each in sorted(unclear))
        raise DataError(
            f"column '{column}' has contents that are neither '{event_value}' nor a known word for censoring: {listed}",
            where=where,
            expected=f"'{event_value}', and contents that mean censoring",
            try_=f"--set 'data.censored_values={','.join(shown[each] for each in sorted(unclear))}', if these are "
            "censored; or --set data.missing_codes=…, if they are unknown",
        )
    return EventCodes(frozenset(event), frozenset(others))


def _is_code(content: str) -> bool:
    return re.fullmatch(r"[\d.]+", content) is not None and not _UNKNOWN.fullmatch(content)


def _without_code(content: str) -> str:
    """`deceased` for `1:deceased`, `1 - deceased` and `deceased (1)`."""
    return re.sub(r"^\(?\d+\)?\s*[:=.)–-]+\s*|\s*[(\[]\d+[)\]]$", "", content)


def is_event_word(content: str) -> bool:
    """Whether a normalised content is one known word for the event, such as `dead` or `1:deceased`."""
    found = words(_without_code(content))
    return len(found) == 1 and found[0] in EVENT_WORDS


def is_censored_word(content: str) -> bool:
    """Whether a normalised content is a known word for censoring, such as `alive` or `0:living`."""
    found = words(_without_code(content))
    return (len(found) == 1 and found[0] in CENSORED_WORDS) or " ".join(found) in CENSORED_PHRASES


def _unclear(message: str, shown: dict[str, str], where: str) -> DataError:
    return DataError(
        message,
        where=where,
        expected="0 (censored) and 1 (event), or words such as dead and alive",
        try_="--set data.event_value=TEXT, with the content that means the event: one of "
        + ", ".join(list(shown.values())[:10]),
    )


def _listed(contents: Iterable[str], most: int = 10) -> str:
    texts = [f"'{each}'" for each in sorted(contents)]
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")
