"""Check of outcomes: numbers, problems and warnings for `survembed data check`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.study_check import FollowUpCheck, Problem
from survembed.datasets.tabular.columns import Columns
from survembed.errors import DataError
from survembed.survival.kaplan_meier import follow_up

FOLLOW_UP_DAYS = (3.0, 60 * 365.25)
"""Plausible median follow-up; other values indicate a wrong unit of time."""


def summarise(
    duration: NDArray[np.float64],
    event: NDArray[np.bool_],
    used: Columns,
    choice: str,
    is_unit_given: bool,
    where: str,
) -> tuple[FollowUpCheck, list[Problem], list[str]]:
    """Numbers of subjects and events with the median follow-up; a cohort without events is a problem."""
    followed = follow_up(duration, event)
    problems = []
    if followed.n_events == 0:
        message = "no event at all: every subject is censored"
        problems.append(Problem(message, "is the event column inverted?", where))
    median = None if np.isnan(followed.median) else followed.median
    check = FollowUpCheck(
        followed.n, followed.n_events, median, str(used.duration), str(used.event), str(used.unit), choice
    )
    return check, problems, outcome_warnings(duration, event, is_unit_given)


def to_problem(error: DataError, hide_path: bool = False) -> Problem:
    """The problem of an error; without its path, if that can identify a patient."""
    return Problem(error.message, error.remedy, None if hide_path else error.where)


def outcome_warnings(duration: NDArray[np.float64], event: NDArray[np.bool_], is_unit_given: bool) -> list[str]:
    """Warnings of implausible durations and events.

    Parameters
    ----------
    duration
        (n,) in days.
    event
        (n,) bool.
    is_unit_given
        Whether an option or the name of the column gives the unit of the durations.
    """
    followed = follow_up(duration, event)
    warnings = []
    share = followed.n_events / followed.n
    if not duration.any():
        warnings.append("all durations are 0")
    elif len(duration) > 1 and (duration == duration[0]).all():
        warnings.append(f"all durations are {duration[0]:g} days")
    elif zeros := int((duration == 0).sum()):
        warnings.append(f"{zeros} duration(s) of 0 days")
    if followed.n_events == followed.n:
        warnings.append("every subject has the event: are censored subjects missing, or is the event column wrong?")
    elif share < 0.05 or share > 0.95:
        warnings.append(f"{share:.0%} of subjects have the event: is the event column inverted?")
    median = float(np.median(duration)) if np.isnan(followed.median) else followed.median
    if 0 < median < FOLLOW_UP_DAYS[0]:
        warnings.append(f"median follow-up of {median:.2g} days: are the durations years or months?")
    elif median > FOLLOW_UP_DAYS[1]:
        warnings.append(f"median follow-up of {median / 365.25:.0f} years: are the durations in a smaller unit?")
    elif not is_unit_given and (duration != np.rint(duration)).any() and 0 < duration.max() < 365:
        warnings.append(
            "durations have fractions and no unit is given: are they months? --set data.duration_unit=months"
        )
    return warnings
