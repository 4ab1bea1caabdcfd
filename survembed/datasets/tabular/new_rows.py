"""Prediction on new rows of a table: the same features as in the cohort, with the same encoding."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.source import NewCases, require_files
from survembed.datasets.tabular.cells import numbers, texts
from survembed.datasets.tabular.columns import DURATION_NAMES, EVENT_NAMES, ID_NAMES, guess_column
from survembed.datasets.tabular.reading import read_table
from survembed.errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from survembed.cohort.cohort import Cohort
    from survembed.datasets import Tabular


def read_rows(files: Mapping[str, Path], cohort: Cohort, options: Tabular, limit: float) -> NewCases:
    """Features of every row of the file `table`, and the ids of its rows.

    Columns of outcomes are ignored; so are other columns if the run sets its features by option.

    Parameters
    ----------
    limit
        Numbers of this size or more count as missing.

    Raises
    ------
    UsageError
        If other files are given.
    DataError
        If a feature is missing in a row or in all, a column is not a feature, a category is new, or an id is missing or
        in several rows.
    """
    require_files(files, ("table",))
    path, where = files["table"], str(files["table"])
    frame = read_table(path)
    categories = _categories(cohort)
    encoded = {f"{name}={level}" for name, levels in categories.items() for level in levels}
    numeric = [name for name in cohort.header.features if name not in encoded]
    for name in [*categories, *numeric]:
        if name not in frame.columns:
            close = nearest(name, [str(column) for column in frame.columns])
            raise DataError(
                f"no column '{name}'",
                where=where,
                expected=f"the features of the run: {', '.join([*numeric, *categories])}",
                try_=f"rename '{close}'" if close else None,
            )
    if not options.features:
        _refuse_other_columns(frame, {*numeric, *categories, *cohort.subjects.covariates}, options, where)
    columns = {name: _numbers(frame, name, limit, where) for name in numeric}
    for name, levels in categories.items():
        columns |= _indicators(frame, name, levels, where)
    values = np.stack([columns[name] for name in cohort.header.features], axis=1)
    ids = _ids(frame, {*numeric, *categories}, options, where)
    warnings = () if ids else ("the table has no column of ids: the subjects are named by their rows",)
    return NewCases(values.astype(np.float32)[:, None], warnings, ids=ids)


def _ids(frame: pd.DataFrame, features: set[str], options: Tabular, where: str) -> tuple[str, ...]:
    """The ids of the rows; empty without a column of ids."""
    column = _id_column(frame, features, options)
    if column is None or column not in frame.columns:
        return ()
    ids = texts(frame[column])
    _refuse_missing(ids == "", column, where)
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise DataError(
            f"column '{column}' has '{values[counts > 1][0]}' in {counts[counts > 1][0]} rows",
            where=where,
            expected="one row for each id",
        )
    return tuple(ids.tolist())


def _id_column(frame: pd.DataFrame, taken: set[str], options: Tabular) -> str | None:
    return options.id_column or guess_column(frame, ID_NAMES, taken=taken)


def _categories(cohort: Cohort) -> dict[str, list[str]]:
    """Categories of each encoded column, the reference first."""
    categories = {}
    for stored_name, values in cohort.subjects.covariates.items():
        name = stored_name.replace("∕", "/")  # HDF5 does not allow "/" in names
        encoded = [each.removeprefix(f"{name}=") for each in cohort.header.features if each.startswith(f"{name}=")]
        if values.dtype.kind == "U" and encoded:
            categories[name] = [*sorted(set(values.tolist()) - {"", *encoded}), *encoded]
    return categories


def _refuse_other_columns(frame: pd.DataFrame, features: set[str], options: Tabular, where: str) -> None:
    """Refuse columns that are neither features nor, by their names, ids or outcomes."""
    identity = _id_column(frame, features, options)
    allowed = features | {identity} if identity else features
    for requested, candidates in ((options.duration_column, DURATION_NAMES), (options.event_column, EVENT_NAMES)):
        column = requested or guess_column(frame, candidates, taken=allowed)
        allowed = allowed | {column} if column else allowed
    other = [str(name) for name in frame.columns if name not in allowed]
    if other:
        raise DataError(
            f"column '{other[0]}' is not a feature of the run",
            where=where,
            expected="the features of the run, and no others",
            try_=f"remove {', '.join(other[:10])}",
        )


def _numbers(frame: pd.DataFrame, name: str, limit: float, where: str) -> NDArray[np.float64]:
    values = numbers(frame[name])
    if values is None:
        raise DataError(f"column '{name}' holds text", where=where, expected="numbers, as in the table of the run")
    _refuse_missing(~(np.abs(values) < limit), name, where)
    return values


def _indicators(frame: pd.DataFrame, name: str, levels: list[str], where: str) -> dict[str, NDArray[np.float64]]:
    cells = texts(frame[name])
    _refuse_missing(cells == "", name, where)
    unknown = ~np.isin(cells, levels)
    if unknown.any():
        row = int(np.flatnonzero(unknown)[0])
        raise DataError(
            f"row {row + 1} has '{cells[row]}' in column '{name}'",
            where=where,
            expected=f"one of {', '.join(levels)}, as in the training data",
        )
    return {f"{name}={level}": (cells == level).astype(np.float64) for level in levels}


def _refuse_missing(missing: NDArray[np.bool_], name: str, where: str) -> None:
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise DataError(f"row {row + 1} has no '{name}'", where=where, expected="every feature in every row")
