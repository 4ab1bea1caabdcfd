"""New rows for a cohort that is a table: its columns, and no others, read as the cohort's were."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.source import NewCases, require_files
from survembed.datasets.tabular import table
from survembed.errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from survembed.cohort.cohort import Cohort
    from survembed.datasets import Tabular


def read_rows(files: Mapping[str, Path], cohort: Cohort, options: Tabular, largest: float) -> NewCases:
    """Every row of the table at `table`.

    Columns of ids and outcomes, where there are any, are passed over; so are others where the run named its features.

    Parameters
    ----------
    largest
        Numbers of this size or more count as missing.

    Raises
    ------
    UsageError
        When other files are given.
    DataError
        When a feature is missing, as a column or in a row, a column is no feature, or a word was never seen.
    """
    require_files(files, ("table",))
    path, where = files["table"], str(files["table"])
    frame = table.read_table(path)
    words = _words(cohort)
    coded = {f"{name}={level}" for name, levels in words.items() for level in levels}
    plain = [name for name in cohort.header.features if name not in coded]
    for name in [*words, *plain]:
        if name not in frame.columns:
            close = nearest(name, [str(column) for column in frame.columns])
            raise DataError(
                f"no column '{name}'",
                where=where,
                expected=f"the features of the run: {', '.join([*plain, *words])}",
                try_=f"rename '{close}'" if close else None,
            )
    if not options.features:
        _refuse_others(frame, {*plain, *words, *cohort.subjects.covariates}, options, where)
    columns = {name: _numbers(frame, name, largest, where) for name in plain}
    for name, levels in words.items():
        columns |= _indicators(frame, name, levels, where)
    values = np.stack([columns[name] for name in cohort.header.features], axis=1)
    return NewCases(values.astype(np.float32)[:, None])


def _words(cohort: Cohort) -> dict[str, list[str]]:
    """Known words by column, for columns that were encoded: that of the reference is first."""
    found = {}
    for kept, values in cohort.subjects.covariates.items():
        name = kept.replace("∕", "/")  # HDF5 has no slash in names
        coded = [each.removeprefix(f"{name}=") for each in cohort.header.features if each.startswith(f"{name}=")]
        if values.dtype.kind == "U" and coded:
            found[name] = [*sorted(set(values.tolist()) - {"", *coded}), *coded]
    return found


def _refuse_others(frame: pd.DataFrame, known: set[str], options: Tabular, where: str) -> None:
    """Refuse columns that are neither features nor, by their names, ids or outcomes."""
    for asked, usual in (
        (options.duration_column, table.DURATION_NAMES),
        (options.event_column, table.EVENT_NAMES),
        (options.id_column, table.ID_NAMES),
    ):
        column = asked or table.guess_column(frame, usual, taken=known)
        known = known | {column} if column else known
    other = [str(name) for name in frame.columns if name not in known]
    if other:
        raise DataError(
            f"column '{other[0]}' is no feature of the run",
            where=where,
            expected="the features of the run, and no others",
            try_=f"leave out {', '.join(other[:10])}",
        )


def _numbers(frame: pd.DataFrame, name: str, largest: float, where: str) -> NDArray[np.float64]:
    values = table.numbers(frame[name])
    if values is None:
        raise DataError(f"column '{name}' holds words", where=where, expected="numbers, as in the run's table")
    _refuse_gaps(~(np.abs(values) < largest), name, where)
    return values


def _indicators(frame: pd.DataFrame, name: str, levels: list[str], where: str) -> dict[str, NDArray[np.float64]]:
    words = table.texts(frame[name])
    _refuse_gaps(words == "", name, where)
    strange = ~np.isin(words, levels)
    if strange.any():
        row = int(np.flatnonzero(strange)[0])
        raise DataError(
            f"row {row + 1} says '{words[row]}' in column '{name}'",
            where=where,
            expected=f"one of {', '.join(levels)}: what the run was trained on",
        )
    return {f"{name}={level}": (words == level).astype(np.float64) for level in levels}


def _refuse_gaps(gaps: NDArray[np.bool_], name: str, where: str) -> None:
    if gaps.any():
        raise DataError(
            f"row {int(np.flatnonzero(gaps)[0]) + 1} has no '{name}'",
            where=where,
            expected="every feature in every row",
        )
