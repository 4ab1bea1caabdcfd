"""Clinical tables: id, duration, event and covariates of each subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.exclusions import Exclusion
from survembed.datasets.tabular.columns import Columns as Columns
from survembed.datasets.tabular.columns import require_column
from survembed.datasets.tabular.covariates import read_covariates
from survembed.datasets.tabular.numbers import numbers
from survembed.datasets.tabular.outcome import read_outcome
from survembed.datasets.tabular.reading import read_table
from survembed.datasets.tabular.table import Table
from survembed.datasets.tabular.time_unit import DAYS
from survembed.errors import DataError
from survembed.storage.files import read_json

if TYPE_CHECKING:
    import pandas as pd

PRESETS: Mapping[str, tuple[Columns, ...]] = {
    "crlm": (
        Columns(
            "Patient-ID", "overall_survival_months", "vital_status", None, "months", "TCIA_n=197", ("-999", "-999.0")
        ),
    ),
    "hcc-tace": (Columns("TCIA_ID", "OS", "Death_1_StillAliveorLostToFU_0", None, "weeks"),),
    "waw-tace": (Columns("PATPRI", "survival_time", "death", None, "days"),),
    "kits23": (
        Columns("case_id", "vital_days_after_surgery", "vital_status", "dead", "days"),  # kits23.json, as released
        Columns("case_id", "time_days", "event", None, "days"),
    ),
}
"""Columns of public cohorts by name; if a table exists in several forms, the first that matches."""


@dataclass(frozen=True)
class ClinicalTable:
    """A clinical table, read and checked.

    Attributes
    ----------
    id
        (n,) strings, unique.
    duration
        (n,) float64 in days, 0 or more.
    event
        (n,) bool, True where the event was observed.
    truth
        (n,) float64, true log-hazard of simulated subjects; else None.
    covariates
        The other columns by name, (n,) numbers (NaN where missing) or strings ("" where missing).
    columns
        Source columns.
    choice
        A sentence on the columns, their unit and codes.
    notes
        Sentences on rows and columns that are left out, and on implausible values.
    exclusions
        Dropped rows by reason.
    entry
        (n,) float64 late entries in days; None if there are none.
    cause
        (n,) number of the cause of each event, from 1; 0 for censored subjects; None for one kind of event.
    """

    id: NDArray[np.str_]
    duration: NDArray[np.float64]
    event: NDArray[np.bool_]
    truth: NDArray[np.float64] | None
    covariates: Mapping[str, NDArray[Any]]
    columns: Columns
    choice: str
    notes: tuple[str, ...]
    exclusions: tuple[Exclusion, ...] = ()
    entry: NDArray[np.float64] | None = None
    cause: NDArray[np.int64] | None = None


def find_table(root: Path) -> Path:
    """The only table in `root`: CSV, TSV or XLSX, else JSON.

    Raises
    ------
    DataError
        If there is none or more than one.
    """
    suffixes = (".csv", ".tsv", ".xlsx", ".json")
    files = sorted(path for path in root.iterdir() if path.suffix.lower() in suffixes and path.is_file())
    files = [path for path in files if not path.name.startswith((".", "~$"))]
    tables = [path for path in files if path.suffix.lower() != ".json"]
    no_tables = {"dataset.json", "plans.json", "phantom.json"}
    tables = tables or [path for path in files if path.name not in no_tables]
    if len(tables) != 1:
        names = ", ".join(path.name for path in tables)
        raise DataError(
            f"{len(tables)} clinical tables in '{root.name}': {names}"
            if tables
            else f"no clinical table in '{root.name}'",
            where=str(root),
            expected="one CSV, TSV or XLSX file with the id, duration and event of each subject",
            try_="--set data.clinical=FILE",
        )
    return tables[0]


def read_clinical(path: Path, requested: Columns, preset: str | None = None, skip_bad: bool = False) -> ClinicalTable:
    """Read a clinical table.

    Parameters
    ----------
    path
        CSV, TSV, XLSX, Parquet, or JSON with a list of subjects.
    requested
        Columns set by the user; the others are found by their usual names.
    preset
        Name of a public cohort in `PRESETS`; `requested` takes precedence.
    skip_bad
        Exclude rows without a usable duration or event instead of raising an error.

    Raises
    ------
    DataError
        If the table cannot be read, a column is not found, an id appears twice, or a duration or event is not usable.
    """
    given = {name: value for name, value in vars(requested).items() if value not in (None, ())}
    forms = tuple(replace(form, **given) for form in (PRESETS[preset] if preset else (Columns(),)))
    table, columns = read_form(path, forms)
    return clinical_of(table, columns, skip_bad)


def clinical_of(table: Table, columns: Columns, skip_bad: bool = False) -> ClinicalTable:
    """A clinical table from one that is read from its file, with one row per subject; errors as `read_clinical`."""
    outcome = read_outcome(table, columns, needs_id=True, converted=True, skip_bad=skip_bad)
    covariates = read_covariates(outcome)
    columns = outcome.columns
    return ClinicalTable(
        id=outcome.id,
        duration=outcome.duration * DAYS[columns.unit or "days"],
        event=outcome.event,
        truth=None if columns.truth is None else _truth(outcome.table, columns.truth),
        covariates={
            name.replace("/", "_"): values for name, values in covariates.values.items()
        },  # "/" is a group in HDF5
        columns=columns,
        choice=outcome.choice,
        notes=(*outcome.notes, *covariates.notes, *([outcome.unit_warning] if outcome.unit_warning else [])),
        exclusions=outcome.exclusions,
        entry=None if outcome.entry is None else outcome.entry * DAYS[columns.unit or "days"],
        cause=outcome.cause,
    )


def read_form(path: Path, forms: tuple[Columns, ...]) -> tuple[Table, Columns]:
    """The table of a file, and the form whose columns it has, else the first."""
    columns = forms[0]
    if path.suffix.lower() == ".json":
        table = Table(_records(path), str(path), decimal=columns.decimal)
    else:
        table = read_table(path, columns.sheet, columns.decimal)
    names = {str(name) for name in table.frame.columns}
    columns = next((form for form in forms if {form.id, form.duration, form.event} <= names), columns)
    return replace(table, missing=columns.missing), columns


def _records(path: Path) -> pd.DataFrame:
    """A JSON list of subjects; nested values become columns with a dot in their name."""
    import pandas as pd

    entries = read_json(path)
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(
            f"{path.name} is not a table", where=str(path), expected="a JSON list of one object per subject"
        )
    return pd.json_normalize(entries)


def _truth(table: Table, column: str) -> NDArray[np.float64]:
    values = numbers(table, require_column(table, column))
    if values is None or not np.isfinite(values.values).all():
        message = f"column '{column}' has cells that are not numbers"
        raise DataError(message, where=table.where, expected="true log-hazards")
    return values.values
