"""Check of a table: types, missing and constant columns, duplicates, and columns that reveal the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.study_check import ColumnCheck, Problem, StudyCheck
from survembed.datasets.tabular.columns import Columns
from survembed.datasets.tabular.covariates import Covariates, read_covariates
from survembed.datasets.tabular.leakage import are_dates
from survembed.datasets.tabular.numbers import numbers
from survembed.datasets.tabular.outcome import Outcome, read_outcome
from survembed.datasets.tabular.outcome_check import summarise, to_problem
from survembed.datasets.tabular.reading import read_table
from survembed.datasets.tabular.table import Table
from survembed.datasets.tabular.texts import texts
from survembed.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from survembed.datasets import Tabular

MANY_MISSING = 0.2
"""Share of missing cells from which on a feature is warned of."""


def check_table(path: Path, options: Tabular) -> StudyCheck:
    """Read a table as `prepare` does, and report all columns.

    Raises
    ------
    DataError
        If the file is no table.
    """
    table = read_table(path, options.sheet, options.decimal, options.missing_codes)
    asked = Columns.of(options)
    problems: list[Problem] = []
    outcome, covariates, follow_up, notes = None, Covariates(), None, list[str]()
    try:
        try:
            outcome = read_outcome(table, asked, needs_id=False, converted=False)
        except DataError as error:
            problems.append(to_problem(error))
            outcome = read_outcome(table, asked, needs_id=False, converted=False, skip_bad=True)  # the other rows
    except DataError as error:
        problems = problems or [to_problem(error)]
    if outcome is not None:
        requested = [name.strip() for name in (options.features or "").split(",") if name.strip()]
        try:
            covariates = read_covariates(outcome, requested)
        except DataError as error:
            problems.append(to_problem(error))
        problems += [to_problem(error) for error in covariates.unclear]
        problems += [_revealing(name, how, path) for name, how in covariates.revealing.items()]
        problems += _gaps(covariates, options, path)
        is_unit_given = outcome.columns.unit is not None
        follow_up, more, doubts = summarise(
            outcome.duration, outcome.event, outcome.columns, outcome.choice, is_unit_given, str(path)
        )
        problems += more
        notes = [*outcome.notes, *doubts, *([outcome.unit_warning] if outcome.unit_warning else [])]
    columns = tuple(_column(table, str(name), outcome, covariates) for name in table.frame.columns)
    return StudyCheck(
        title=path.stem,
        synthetic=False,
        layout="table",
        masks=(),
        fov_mm=None,
        suggested_fov_mm=None,
        cases=(),
        follow_up=follow_up,
        problems=tuple(problems),
        warnings=(*notes, *_doubts(table, columns)),
        contents=(f"{len(table.frame)} rows, {len(columns)} columns.",),
        columns=columns,
    )


def _revealing(name: str, how: str, path: Path) -> Problem:
    remedy = f"--set 'data.allow={name}', if it is known before the outcome; else delete the column"
    return Problem(f"column '{name}' may reveal the outcome: {how}", remedy, str(path))


def _gaps(covariates: Covariates, options: Tabular, path: Path) -> list[Problem]:
    """Subjects that miss a feature, unless they are left out on purpose."""
    missing = [_is_missing(values) for values in covariates.values.values() if not _is_missing(values).all()]
    gaps = int(np.any(missing, axis=0).sum()) if missing else 0
    if not gaps or options.missing == "drop":
        return []
    return [
        Problem(f"{gaps} subject(s) miss a feature", "--set data.missing=drop, or data.features without it", str(path))
    ]


def _is_missing(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    if values.dtype.kind in "OUS":
        return np.asarray(values == "")
    return np.asarray(~np.isfinite(values.astype(np.float64)))


def _use(name: str, outcome: Outcome | None, covariates: Covariates) -> str:
    """What a column is used for, or why it is not."""
    if outcome is not None:
        columns = outcome.columns
        roles: Mapping[str, str | None] = {
            "id": columns.id, "duration": columns.duration, "event": columns.event, "entry": columns.entry
        }  # fmt: skip
        for role, column in roles.items():
            if column == name:
                return role
    if name in covariates.values:
        return "feature"
    if name in covariates.revealing:
        return f"left out: {covariates.revealing[name]}"
    reasons = [reason for reason, names in covariates.left_out.items() if name in names]
    return f"left out: {reasons[0]}" if reasons else "not clear" if outcome else "unknown"


def _column(table: Table, name: str, outcome: Outcome | None, covariates: Covariates) -> ColumnCheck:
    cells = texts(table, name)
    known = [cell for cell in cells.tolist() if cell]
    try:
        is_numeric = numbers(table, name) is not None
    except DataError:
        is_numeric = False
    kind = "empty" if not known else "dates" if are_dates(known) else "numbers" if is_numeric else "text"
    use = _use(name, outcome, covariates) if known else "left out: empty"
    return ColumnCheck(name, kind, len(cells) - len(known), len(set(known)), use)


def _doubts(table: Table, columns: tuple[ColumnCheck, ...]) -> list[str]:
    """Warnings of constant, mostly missing and repeated columns, and of repeated rows."""
    n = len(table.frame)
    doubts = [
        f"column '{each.name}' is {'empty' if each.kind == 'empty' else 'constant'}"
        for each in columns
        if each.distinct <= 1 and each.use not in ("duration", "event")
    ]
    doubts += [
        f"column '{each.name}' is missing in {each.missing} of {n} rows"
        for each in columns
        if each.use == "feature" and each.missing > MANY_MISSING * n
    ]
    contents: dict[tuple[str, ...], str] = {}
    for each in columns:
        if each.distinct > 1:
            other = contents.setdefault(tuple(texts(table, each.name).tolist()), each.name)
            if other != each.name:
                doubts.append(f"column '{each.name}' repeats '{other}'")
    others = [each.name for each in columns if each.use != "id"]
    rows = list(zip(*(texts(table, name).tolist() for name in others), strict=True))
    repeated = len(rows) - len(set(rows))
    return doubts + ([f"{repeated} row(s) repeat another in all columns but the id"] if repeated else [])
