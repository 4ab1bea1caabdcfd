"""Columns that leak the outcome: other endpoints, follow-up and dates by name, copies of the outcome by association.

Thresholds of the association, and why a real predictor does not reach them:

========================  ==========================================================================================
rule                      threshold
========================  ==========================================================================================
copy of the event         Each content belongs to one event status only (for 100 subjects or more, up to 1 % may
                          not). A random column of k contents does so with a probability below 2^k / C(n, events):
                          the rule applies where this is below 0.001, such as two contents, 7 of 14 with the event.
                          Missing cells are a content: a date of death, or a cause of death, is known for the dead.
copy of the duration      Spearman's \\|ρ\\| of 0.999 or more with the duration, among all subjects, those with, or
                          those without the event; at least 10 subjects and 8 different values. Any change of unit,
                          and any monotone map, keeps \\|ρ\\| at 1.
another endpoint          Equal to the duration, in any unit, for 10 subjects or more, a fifth of all, and five times
                          as many as any two of them would agree by chance: a time to recurrence is the follow-up
                          where there is no recurrence.
order of the outcome      Harrell's C of the column alone, among pairs that differ in it, of at least 0.99 with 10
                          events or 0.97 with 30 (always 30 for fewer than 8 different values: a few levels fall in
                          order by chance); at least a quarter of the comparable pairs differ. Among 400 simulated
                          cohorts of 12 to 150 subjects, a predictor with a true C of 0.87 reached this in less than
                          0.4 %, and one with a true C of 0.92 in 1.5 % at 13 events, 0 % at 38.
========================  ==========================================================================================
"""

from __future__ import annotations

import re
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.tabular.candidates import duration_named, event_named
from survembed.datasets.tabular.time_unit import DAYS, UNIT_OF_WORD
from survembed.datasets.tabular.words import ENDPOINTS, canonical, word_set

ONE_IN = 1000
ERRORS = 0.01
MAX_LEVELS = 20
MIN_RHO, MIN_RANKED, MIN_DISTINCT = 0.999, 10, 8
MIN_EQUAL, MIN_EQUAL_SHARE, MIN_EQUAL_RATIO = 10, 0.2, 5
MIN_C = ((10, 0.99), (30, 0.97))
MIN_UNTIED = 0.25
MAX_ROWS = 1500
"""Pairs are counted among this many subjects, evenly spaced in the table."""

_BEFORE = word_set("prior previous previously history hx before baseline family familial pre preop preoperative")
_OUTCOME = word_set(
    "event death dead alive censored followup recurrence progression date outcome endpoint survival fustat "
    "futime os ltfu dod cod ned lrr lrc autopsy relaps"
)
_DIES = re.compile(r"\w*(dead|death|died|deceas|mortal|verst[oe]rb|surviv)\w*")
_SITES = word_set("local regional locoregional distant biochemical disease tumor tumour cancer metastasis")
_LAST = word_set("contact contacto kontakt visit seen known news")
_DATE = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})|\d{1,2}[- ]?[A-Za-z]{3,9}[- ,]*\d{4}|"
    r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01]))([T ][\d:.+Z-]*)?"
)

_INDEX = re.compile(
    r"(unnamed:? ?\d*|index|level_\d|x|v1|row_?names?|row[_. ]?(id|no|nr|num|number|index)?|(obs|seq|serial|s)?[_. ]?"
    r"(no|nr|number|num)\.?|obs|lfd.*|nummer|numero|#|ids?|counter)"
)


def names_outcome(name: str) -> bool:
    """Whether a column is another endpoint, a date, follow-up or a status at its end, by its name.

    `PFI.time`, `vital_status`, `last_contact`, `death_date`, `cause_of_death`, `days_since_surgery` are;
    `prior_recurrence`, `smoking_status`, `hospital_stay_days` and `diagtime` are not.
    """
    found = canonical(name)
    parts = set(found)
    if parts & _BEFORE:
        return False
    if any(_DIES.fullmatch(part) for part in parts):
        return True
    if "discharge" in parts and parts & {"status", "disposition", "destination", "alive"}:
        return True
    if parts & {"end", "exit"} and parts & {"age", "year", "time"}:
        return True
    if parts & (_OUTCOME | ENDPOINTS) or ("last" in parts and parts & _LAST) or {"lost"} == parts:
        return True
    if parts & {"survival", "time", *UNIT_OF_WORD} and parts & {"to", "since", "until", "till", "seit", "depuis"}:
        return True
    if parts & {"failure", "control", "free"} and (parts & _SITES or {"treatment", "failure"} <= parts):
        return True
    if parts == {"failure"} or ("study" in parts and parts & {"on", "off", "end"}):
        return True
    if "status" in parts and all(part.strip("0123456789") in {"status", "at", "", *UNIT_OF_WORD} for part in parts):
        return True
    if "status" in parts and parts & {"vital", "survival", "life", "cancer", "tumor", "tumour", "disease"}:
        return True
    duration, event = duration_named(name), event_named(name)
    return bool((duration and duration.score > 1) or (event and event.score > 1))


def are_dates(contents: list[str]) -> bool:
    """Whether most contents (without missing ones) are dates, such as 2010-03-01, 1.3.2010 or 20100301."""
    known = [content for content in contents if content]
    return bool(known) and 2 * sum(_DATE.fullmatch(content) is not None for content in known) > len(known)


def association(values: NDArray[Any], duration: NDArray[np.float64], event: NDArray[np.bool_]) -> str | None:
    """How a column reveals the outcome; None if it does not.

    Parameters
    ----------
    values
        (n,) numbers (NaN where missing) or strings ("" where missing).
    duration, event
        (n,) outcome.
    """
    missing = values == "" if values.dtype.kind in "OUS" else ~np.isfinite(values.astype(np.float64))
    levels, codes = np.unique(np.where(missing, "", values.astype(np.str_)), return_inverse=True)
    _, once = np.unique(np.stack([codes, duration, event]), axis=1, return_index=True)  # equal records count once
    values, missing, codes = values[once], missing[once], codes[once]
    duration, event = duration[once], event[once]
    if _copies_event(missing.astype(np.int64), event):
        return "it is known only for subjects with, or only for subjects without the event"
    if len(levels) <= MAX_LEVELS and _copies_event(codes, event):
        return "its contents determine the event"
    if values.dtype.kind in "OUS":
        if not 2 <= len(levels) <= 5:
            return None
        order = np.argsort(np.argsort([np.median(duration[codes == code]) for code in range(len(levels))]))
        numbers = np.where(missing, np.nan, order[codes].astype(np.float64))
    else:
        numbers = values.astype(np.float64)
    known = ~missing
    for part in (known, known & event, known & ~event):
        is_varied = part.sum() >= MIN_RANKED and len(np.unique(numbers[part])) >= MIN_DISTINCT
        if is_varied and abs(_spearman(numbers[part], duration[part])) >= MIN_RHO:
            return "it has the order of the durations"
    if equal := _n_equal(numbers[known], duration[known]):
        return f"it equals the durations of {equal} subjects, like a time to another event"
    return "it orders the outcome almost perfectly" if _orders(numbers[known], duration[known], event[known]) else None


def _copies_event(codes: NDArray[np.int64], event: NDArray[np.bool_]) -> bool:
    n, n_events = len(event), int(event.sum())
    events = np.bincount(codes, weights=event)
    totals = np.bincount(codes)
    n_levels = int((totals > 0).sum())
    if n_levels < 2 or 2**n_levels * ONE_IN >= comb(n, n_events):
        return False
    wrong = np.minimum(events, totals - events).sum()
    return bool(wrong <= int(ERRORS * n) and wrong < 0.1 * min(n_events, n - n_events))


def _n_equal(values: NDArray[np.float64], duration: NDArray[np.float64]) -> int:
    """Number of values (n,) that are the duration (n,) in some unit; 0 if that may be chance."""
    if not len(values):
        return 0
    are_whole = bool((values == np.rint(values)).all())
    for factor in sorted({first / second for first in DAYS.values() for second in DAYS.values()}):
        tolerance = 0.0 if factor == 1 else 0.5 * factor if are_whole else 0.002 * duration
        equal = int((np.abs(values * factor - duration) <= tolerance).sum())
        if equal < max(MIN_EQUAL, MIN_EQUAL_SHARE * len(values)):
            continue
        rows = np.linspace(0, len(values) - 1, min(len(values), MAX_ROWS)).astype(np.int64)
        limit = np.broadcast_to(tolerance, duration.shape)[rows]
        by_chance = float((np.abs(values[rows, None] * factor - duration[rows]) <= limit).mean())
        if equal >= MIN_EQUAL_RATIO * by_chance * len(values):
            return equal
    return 0


def _spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    from scipy.stats import rankdata

    ranks = rankdata(first), rankdata(second)
    if ranks[0].std() == 0 or ranks[1].std() == 0:
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def _orders(values: NDArray[np.float64], duration: NDArray[np.float64], event: NDArray[np.bool_]) -> bool:
    if len(values) > MAX_ROWS:
        rows = np.linspace(0, len(values) - 1, MAX_ROWS).astype(np.int64)
        values, duration, event = values[rows], duration[rows], event[rows]
    needed = MIN_C if len(np.unique(values)) >= MIN_DISTINCT else MIN_C[1:]
    limits = [limit for n_events, limit in needed if event.sum() >= n_events]
    if not limits:
        return False
    earlier = np.flatnonzero(event)
    comparable = duration[earlier, None] < duration[None, :]
    difference = values[earlier, None] - values[None, :]
    above, below = int((comparable & (difference > 0)).sum()), int((comparable & (difference < 0)).sum())
    untied = above + below
    return untied >= MIN_UNTIED * max(1, int(comparable.sum())) and max(above, below) >= min(limits) * untied


def are_row_numbers(name: str, values: NDArray[Any]) -> bool:
    """Whether a column counts the rows: an index that pandas or R wrote, or numbers of the records.

    True for all of 0…n-1 or 1…n (in any order from 10 rows), for consecutive numbers in order from 10 rows, and under a
    name of an index for different whole numbers, or such that mostly go up by 1 (numbered anew in each group).
    """
    if values.dtype.kind in "OUS" or len(values) < 3 or not np.isfinite(values).all():
        return False
    n = len(values)
    if (values != np.rint(values)).any():
        return False
    if len(np.unique(values)) < n:
        return is_index_name(name) and 10 * int((np.diff(values) == 1).sum()) >= 8 * n
    in_order = bool((np.diff(values) == 1).all())
    counts_all = values.min() in (0, 1) and values.max() - values.min() == n - 1
    return bool(is_index_name(name) or (counts_all and (n >= 10 or (in_order and n >= 5))) or (in_order and n >= 10))


def is_index_name(name: str) -> bool:
    """Whether a column has a name that pandas, R or a person gives to row numbers: `Unnamed: 0`, `rownames`, `No.`."""
    return _INDEX.fullmatch(name.casefold()) is not None
