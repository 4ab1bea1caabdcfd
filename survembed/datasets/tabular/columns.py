"""Find the columns of a table by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from survembed.errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd

DURATION_NAMES = (
    "duration",
    "duration_days",
    "time_days",
    "days",
    "survival_time",
    "survival_days",
    "os_time",
    "os_days",
    "overall_survival",
    "overall_survival_days",
    "follow_up_days",
    "followup_days",
    "follow_up",
    "followup",
    "futime",
    "survival",
    "time",
    "t",
    "os",
)
"""Names of duration columns, most likely first; compared without case, and with `_` for every other sign."""

EVENT_NAMES = (
    "event",
    "event_observed",
    "os_event",
    "death",
    "dead",
    "died",
    "deceased",
    "fustat",
    "vital_status",
    "status",
    "e",
    "os",
)
"""Names of event columns, most likely first."""

ID_NAMES = (
    "id",
    "subject_id",
    "subject",
    "case_id",
    "case",
    "patient_id",
    "patient",
    "participant_id",
    "image_id",
    "sample_id",
    "pid",
)
"""Names of id columns, most likely first."""


def _normalised(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


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


def guess_column(frame: pd.DataFrame, candidates: Iterable[str], taken: Iterable[str] = ()) -> str | None:
    """The column with the most likely of the `candidates` names that is not in `taken`; None if there is none."""
    used = set(taken)
    by_plain = {_normalised(str(name)): str(name) for name in frame.columns if name not in used}
    return next((by_plain[name] for name in candidates if name in by_plain), None)


def find_column(
    frame: pd.DataFrame,
    column: str | None,
    candidates: tuple[str, ...],
    option: str,
    where: str,
    taken: Iterable[str] = (),
) -> str:
    """`column`, or if it is None the column with one of the `candidates` names.

    Parameters
    ----------
    option
        Name of the option that sets the column, for the error message.
    taken
        Columns with another use.

    Raises
    ------
    DataError
        If the table has no such column.
    """
    if column is not None:
        return require_column(frame, column, where)
    guess = guess_column(frame, candidates, taken)
    if guess is None:
        raise DataError(
            f"cannot determine which column is the {option.removesuffix('_column')}",
            where=where,
            expected=f"a column named one of {', '.join(candidates)}",
            try_=f"--set data.{option}=NAME, with one of {', '.join(map(str, frame.columns[:30]))}",
        )
    return guess
