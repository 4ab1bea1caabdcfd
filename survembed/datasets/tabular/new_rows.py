"""Prediction on new rows of a table: the same features as in the cohort, with the same encoding."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.source import NewCases, require_files
from survembed.datasets.tabular.candidates import duration_named, event_named
from survembed.datasets.tabular.covariates import reason_to_leave_out
from survembed.datasets.tabular.ids import find_id, is_id_name
from survembed.datasets.tabular.leakage import is_index_name
from survembed.datasets.tabular.numbers import numbers
from survembed.datasets.tabular.reading import read_table
from survembed.datasets.tabular.table import Table
from survembed.datasets.tabular.texts import categories, texts
from survembed.errors import DataError, nearest

if TYPE_CHECKING:
    from survembed.cohort.form import CohortForm
    from survembed.datasets import Tabular


def read_rows(files: Mapping[str, Path], cohort: CohortForm, options: Tabular, limit: float) -> NewCases:
    """Features of every row of the file `table`, and the ids of its rows.

    Columns that a cohort leaves out (ids, outcomes, names, dates, row numbers) are ignored; so are all other columns if
    the run sets its features by option.

    Parameters
    ----------
    limit
        Numbers of this size or more count as missing.

    Raises
    ------
    UsageError
        If other files are given.
    DataError
        If a feature is missing in a row or in all, a column is not a feature, or a category is new.
    """
    require_files(files, ("table",))
    path, where = files["table"], str(files["table"])
    table = read_table(path, options.sheet, options.decimal, options.missing_codes)
    frame = table.frame
    levels_of = {name: list(levels) for name, levels in cohort.levels.items() if levels}
    encoded = {f"{name}={level}" for name, levels in levels_of.items() for level in levels}
    numeric = [name for name in cohort.header.features if name not in encoded]
    for name in [*levels_of, *numeric]:
        if name not in frame.columns:
            close = nearest(name, [str(column) for column in frame.columns])
            raise DataError(
                f"no column '{name}'",
                where=where,
                expected=f"the features of the run: {', '.join([*numeric, *levels_of])}",
                try_=f"rename '{close}'" if close else None,
            )
    if not options.features:
        _refuse_other_columns(table, {*numeric, *levels_of, *cohort.levels}, options)
    columns = {name: _numbers(table, name, limit) for name in numeric}
    covariates: dict[str, NDArray[Any]] = dict(columns)
    for name, levels in levels_of.items():
        columns |= _indicators(table, name, levels)
        covariates[name] = categories(table, name).values
    values = np.stack([columns[name] for name in cohort.header.features], axis=1)
    ids = _ids(table, {*numeric, *levels_of}, options)
    warnings = () if ids else ("the table has no column of ids: the subjects are named by their rows",)
    return NewCases(values.astype(np.float32)[:, None], warnings, ids=ids, covariates=covariates)


def _ids(table: Table, features: set[str], options: Tabular) -> tuple[str, ...]:
    """The ids of the rows; empty without a column of ids."""
    given = options.id_column if options.id_column in table.frame.columns else None
    column, _ = find_id(table, given, features)
    if column is None:
        return ()
    ids = texts(table, column)
    _refuse_missing(ids == "", column, table.where)
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise DataError(
            f"column '{column}' has '{values[counts > 1][0]}' in {counts[counts > 1][0]} rows",
            where=table.where,
            expected="one row for each id",
        )
    return tuple(ids.tolist())


def _refuse_other_columns(table: Table, features: set[str], options: Tabular) -> None:
    """Refuse columns that are neither features nor such as a cohort leaves out: ids, outcomes, dates, names."""
    outcomes = {options.duration_column, options.event_column, options.id_column, options.entry_column}
    outcomes |= {options.start_column, options.end_column}
    other = [
        name
        for name in map(str, table.frame.columns)
        if name not in features | outcomes and not _is_left_out(table, name)
    ]
    if other:
        raise DataError(
            f"column '{other[0]}' is not a feature of the run",
            where=table.where,
            expected="the features of the run, and no others",
            try_=f"remove {', '.join(other[:10])}",
        )


def _is_left_out(table: Table, name: str) -> bool:
    is_outcome = duration_named(name) is not None or event_named(name) is not None or is_id_name(name)
    if is_outcome or reason_to_leave_out(table, name) is not None:
        return True
    return is_index_name(name)


def _numbers(table: Table, name: str, limit: float) -> NDArray[np.float64]:
    column = numbers(table, name)
    if column is None:
        message = f"column '{name}' holds text"
        raise DataError(message, where=table.where, expected="numbers, as in the table of the run")
    _refuse_missing(~(np.abs(column.values) < limit), name, table.where)
    return column.values


def _indicators(table: Table, name: str, levels: list[str]) -> dict[str, NDArray[np.float64]]:
    cells = categories(table, name).values
    _refuse_missing(cells == "", name, table.where)
    unknown = ~np.isin(cells, levels)
    if unknown.any():
        row = int(np.flatnonzero(unknown)[0])
        raise DataError(
            f"row {row + 1} has '{cells[row]}' in column '{name}'",
            where=table.where,
            expected=f"one of {', '.join(levels)}, as in the training data",
        )
    return {f"{name}={level}": (cells == level).astype(np.float64) for level in levels}


def _refuse_missing(missing: NDArray[np.bool_], name: str, where: str) -> None:
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise DataError(f"row {row + 1} has no '{name}'", where=where, expected="every feature in every row")
