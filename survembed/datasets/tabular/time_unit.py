"""The unit of durations: from an option, the name of the column or its description, else days if plausible."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.tabular.words import words
from survembed.errors import DataError

DAYS = {"days": 1.0, "weeks": 7.0, "months": 30.4375, "years": 365.25}
"""Days in each unit of time."""

_UNIT_WORDS = {
    "days": "d day days dys tag tage tagen jour jours dia dias giorno giorni dag dagen",
    "weeks": "w wk wks week weeks woche wochen semaine semaines semana semanas settimana settimane weken",
    "months": "mo mos mon mth mths mnth mnths month months monat monate monaten mois mes meses mese mesi maand maanden",
    "years": "y yr yrs year years jahr jahre jahren ans annee annees ano anos anno anni jaar jaren",
    "unclear": "m h hr hrs hour hours min mins minute minutes sec secs seconds stunden heures horas",
}
UNIT_OF_WORD = {word: unit for unit, names in _UNIT_WORDS.items() for word in names.split()}
"""Unit of each word of a column name, in English, German, French, Spanish, Italian, Portuguese and Dutch; `unclear` for
a lone `m` (months or minutes) and for units below a day."""

PLAUSIBLE_DAYS = (30.0, 40 * 365.25)
"""Plausible median duration of a study; other values indicate a wrong unit."""
FEW = 5
"""Fewer durations show no unit: they are taken as days, with a warning if they are implausible."""
MIN_LAST_DAY = 365.0
"""Durations without a unit are taken as days only if the longest is a year or more: 365 months are 30 years."""


def unit_in(column: str) -> str | None:
    """Unit in a column name, at any place: `OS (months)`, `time_wk`, `OS months since surgery`; None if there is none.

    Returns
    -------
    One of `DAYS`; `unclear` if the name has two units, a unit below a day, or a lone `m`.
    """
    units = {UNIT_OF_WORD[word] for word in words(column) if word in UNIT_OF_WORD}
    return None if not units else units.pop() if len(units) == 1 else "unclear"


def time_unit(
    column: str,
    durations: NDArray[np.float64],
    where: str,
    *,
    converted: bool,
    described: str | None = None,
    source: str = "",
) -> tuple[str, str]:
    """Unit of a column of durations that no option gives, and how it was found.

    Parameters
    ----------
    durations
        (n,) in the unit that is looked for.
    converted
        Whether durations are converted to days. If not, the unit is only a label, and implausible days become `units`.
    described, source
        Unit of the column in a data dictionary, as from `unit_in`, and where that is. It counts if the name has none.

    Returns
    -------
    One of `DAYS`, or `units`; and a phrase for the user.

    Raises
    ------
    DataError
        If name and description contradict each other, if both are unclear, or have no unit and days are implausible.
    """
    unit = unit_in(column)
    if unit in DAYS and described in DAYS and unit != described:
        raise _unclear(f"the name of column '{column}' says {unit}, its description says {described}", where)
    if unit in DAYS:
        return unit, f"in {unit} (from the name)"
    if described is not None and described in DAYS:
        return described, f"in {described} (from its description in {source})"
    unit = unit or described
    known = durations[np.isfinite(durations)]
    is_plausible = len(known) > 0 and float(np.median(known)) >= PLAUSIBLE_DAYS[0] and known.max() >= MIN_LAST_DAY
    if unit is None and (is_plausible or len(known) < FEW):
        return "days", "in days (the name has no unit)"
    if unit is None and not converted:
        return "units", "in a unit that the name does not give"
    spread = f"; median {np.median(known):.4g}, maximum {known.max():.4g}" if len(known) else ""
    raise _unclear(f"the unit of the durations is not clear from the name of column '{column}'{spread}", where)


def _unclear(message: str, where: str) -> DataError:
    return DataError(
        message,
        where=where,
        expected="days, weeks, months or years",
        try_="--set data.duration_unit=months, or days, weeks, years",
    )


def unit_warning(durations: NDArray[np.float64], unit: str) -> str | None:
    """Warning if the median duration (n,) is implausible in `unit`; None if it is plausible or the unit is `units`."""
    positive = durations[durations > 0]
    if unit not in DAYS or not len(positive):
        return None
    median = float(np.median(durations))
    low, high = PLAUSIBLE_DAYS
    if low <= median * DAYS[unit] <= high:
        return None
    return f"the median duration is {median:.3g} {unit}: is the unit right? --set data.duration_unit=…"
