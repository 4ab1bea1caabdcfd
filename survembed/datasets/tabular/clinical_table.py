"""Clinical tables: id, duration, event and covariates of each subject."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.exclusions import Exclusion
from survembed.datasets.tabular.cells import durations, events, identifiers, unusable_durations
from survembed.datasets.tabular.columns import DURATION_NAMES as TABLE_DURATION_NAMES
from survembed.datasets.tabular.columns import EVENT_NAMES, find_column, require_column
from survembed.datasets.tabular.columns import ID_NAMES as TABLE_ID_NAMES
from survembed.datasets.tabular.numbers import numbers
from survembed.datasets.tabular.reading import read_table
from survembed.datasets.tabular.table import Table
from survembed.datasets.tabular.texts import categories, texts
from survembed.errors import DataError
from survembed.storage.files import read_json

if TYPE_CHECKING:
    import pandas as pd

DAYS = {"days": 1.0, "weeks": 7.0, "months": 30.4375, "years": 365.25}
"""Days in each unit of time."""

_TIMES = ("overall_survival", "os", "survival", "time", "follow_up", "followup", "duration")
DURATION_NAMES = tuple(dict.fromkeys([*TABLE_DURATION_NAMES, *(f"{name}_{unit}" for unit in DAYS for name in _TIMES)]))
ID_NAMES = (*TABLE_ID_NAMES, "tcia_id")

_NUMBER = "_?(id|no|nr|num|number|code)"
IDENTIFYING = re.compile(
    r"((patient|subject|person|participant)(_?s)?_?)?("
    r"((first|last|family|given|sur|full|middle|maiden|other|referring|physician)_?)?names?|initials|"
    r"(street|home)?_?address|street|(tele|mobile|cell)?_?phone" + f"({_NUMBER})?" + r"|e?_?mail(_address)?|"
    r"dob|(date_of_)?birth(_?da(y|te))?|mrn|ssn|social_security.*|insurance.*|(zip|post(al)?)_?code|accession|"
    + f"(medical_?record|record|accession|hospital|passport|national|health|nhs){_NUMBER})"
    + f"|patient{_NUMBER}"
)
"""Names of columns that can identify a patient, in lower case with `_` between words; such columns are dropped."""


@dataclass(frozen=True)
class Columns:
    """Columns of a clinical table.

    Attributes
    ----------
    id, duration, event
        Column names; None to find the column by its usual names.
    event_value
        Content of the event column that marks an event; None if it is 1.
    unit
        `days`, `weeks`, `months` or `years`; None to read it from the name of the duration column, else days.
    sheet
        Sheet of a workbook; None for the first.
    missing
        Contents of cells without a value.
    truth
        Column with the true log-hazard of simulated subjects; None if there is none.
    """

    id: str | None = None
    duration: str | None = None
    event: str | None = None
    event_value: str | None = None
    unit: str | None = None
    sheet: str | None = None
    missing: tuple[str, ...] = ()
    truth: str | None = None


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
    notes
        Sentences on dropped rows and columns.
    exclusions
        Dropped rows by reason.
    """

    id: NDArray[np.str_]
    duration: NDArray[np.float64]
    event: NDArray[np.bool_]
    truth: NDArray[np.float64] | None
    covariates: Mapping[str, NDArray[Any]]
    columns: Columns
    notes: tuple[str, ...]
    exclusions: tuple[Exclusion, ...] = ()


def find_table(root: Path) -> Path:
    """The only table in `root`: CSV, TSV or XLSX, else JSON.

    Raises
    ------
    DataError
        If there is none or more than one.
    """
    files = [path for path in sorted(root.iterdir()) if path.is_file() and not path.name.startswith((".", "~$"))]
    tables = [path for path in files if path.suffix.lower() in (".csv", ".tsv", ".xlsx")]
    no_tables = {"dataset.json", "plans.json", "phantom.json"}
    tables = tables or [path for path in files if path.suffix.lower() == ".json" and path.name not in no_tables]
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
    where = str(path)
    given = {name: value for name, value in vars(requested).items() if value not in (None, ())}
    forms = tuple(replace(form, **given) for form in (PRESETS[preset] if preset else (Columns(),)))
    table, columns = _read_with_columns(path, forms, where)
    bad = _bad_rows(table, columns)
    notes = table.notes
    exclusions: tuple[Exclusion, ...] = ()
    if skip_bad and bad.any():
        first = ", ".join(subject or "(no id)" for subject in texts(table, columns.id or "")[bad][:5])
        exclusions = (Exclusion("row(s) of the clinical table without a usable duration or event", int(bad.sum())),)
        more = "…" if bad.sum() > 5 else ""
        notes += (f"{exclusions[0].n} {exclusions[0].reason} left out: {first}{more}",)
        table = replace(table, frame=table.frame[~bad].reset_index(drop=True))
    try:
        ids = identifiers(table, columns.id or "")
        duration = durations(table, columns.duration or "", ids)
        event = events(table, columns.event or "", ids, columns.event_value)
    except DataError as error:
        if skip_bad or not bad.any() or error.try_:
            raise
        remedy = "correct the table, or exclude such rows with --set data.skip_bad=true"
        raise DataError(error.message, where=where, expected=error.expected, try_=remedy) from error
    used = {columns.id, columns.duration, columns.event, columns.truth}
    covariates, dropped, decided = _covariates(table, used)
    notes += (*duration.notes, *decided)
    if dropped:
        notes += (f"columns that can identify a patient were dropped: {', '.join(dropped)}",)
    return ClinicalTable(
        id=ids,
        duration=duration.values * DAYS[columns.unit or "days"],
        event=event,
        truth=None if columns.truth is None else _truth(table, columns.truth),
        covariates=covariates,
        columns=columns,
        notes=notes,
        exclusions=exclusions,
    )


def _read_with_columns(path: Path, forms: tuple[Columns, ...], where: str) -> tuple[Table, Columns]:
    """The table, and its columns with all names resolved."""
    columns = forms[0]
    table = Table(_records(path), where) if path.suffix.lower() == ".json" else read_table(path, columns.sheet)
    frame = table.frame
    names = {str(name) for name in frame.columns}
    columns = next((form for form in forms if {form.id, form.duration, form.event} <= names), columns)
    subject = find_column(frame, columns.id, ID_NAMES, "id_column", where)
    event = find_column(frame, columns.event, EVENT_NAMES, "event_column", where, [subject])
    taken = [subject, event]
    duration = find_column(frame, columns.duration, DURATION_NAMES, "duration_column", where, taken)
    unit = columns.unit or unit_in(duration) or "days"
    return replace(table, missing=columns.missing), replace(
        columns, id=subject, duration=duration, event=event, unit=unit
    )


def unit_in(column: str) -> str | None:
    """Unit at the end of a column name such as `OS (months)` or `time_week`; None if there is none."""
    words = re.findall("[a-z]+", column.lower()) or [""]
    return next((unit for unit in DAYS if words[-1].endswith(unit) or words[-1] == unit[:-1]), None)


def _records(path: Path) -> pd.DataFrame:
    """A JSON list of subjects; nested values become columns with a dot in their name."""
    import pandas as pd

    entries = read_json(path)
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(
            f"{path.name} is not a table", where=str(path), expected="a JSON list of one object per subject"
        )
    return pd.json_normalize(entries)


def _bad_rows(table: Table, columns: Columns) -> NDArray[np.bool_]:
    """(n,) True for rows without an id or a usable duration or event."""
    bad = unusable_durations(table, columns.duration or "")
    for column in (columns.id, columns.event):
        bad |= texts(table, column or "") == ""
    codes = numbers(table, columns.event or "") if columns.event_value is None else None
    return bad if codes is None else bad | ~np.isin(codes.values, (0, 1))


def _truth(table: Table, column: str) -> NDArray[np.float64]:
    values = numbers(table, require_column(table.frame, column, table.where))
    if values is None or not np.isfinite(values.values).all():
        message = f"column '{column}' has cells that are not numbers"
        raise DataError(message, where=table.where, expected="true log-hazards")
    return values.values


def _covariates(table: Table, used: set[str | None]) -> tuple[dict[str, NDArray[Any]], list[str], list[str]]:
    """The other columns, numbers if all cells are (percentages too), else strings; names of dropped columns; notes."""
    kept: dict[str, NDArray[Any]] = {}
    dropped, notes = [], []
    for name in map(str, table.frame.columns):
        if name in used:
            continue
        separated = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)  # PatientName, as in DICOM
        if IDENTIFYING.fullmatch(re.sub(r"[^a-z0-9]+", "_", separated.lower()).strip("_")):
            dropped.append(name)
            continue
        try:
            column = numbers(table, name) or categories(table, name)
        except DataError as error:  # a covariate that nobody asked for does not stop the study
            notes.append(f"left out: {error.message}; {error.remedy}")
            continue
        notes += column.notes
        kept[name.replace("/", "_")] = column.values  # "/" is a group in HDF5
    return kept, dropped, notes
