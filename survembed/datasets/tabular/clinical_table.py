"""Clinical tables: who was followed for how long, and whether the event was seen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survembed.datasets.tabular import table
from survembed.errors import DataError
from survembed.storage.files import read_json

if TYPE_CHECKING:
    import pandas as pd

DAYS = {"days": 1.0, "weeks": 7.0, "months": 30.4375, "years": 365.25}
"""Length of each unit of time in days."""

_TIMES = ("overall_survival", "os", "survival", "time", "follow_up", "followup", "duration")
DURATION_NAMES = tuple(dict.fromkeys([*table.DURATION_NAMES, *(f"{name}_{unit}" for unit in DAYS for name in _TIMES)]))
ID_NAMES = (*table.ID_NAMES, "tcia_id")

_NUMBER = "_?(id|no|nr|num|number|code)"
IDENTIFYING = re.compile(
    r"((patient|subject|person|participant)(_?s)?_?)?("
    r"((first|last|family|given|sur|full|middle|maiden|other|referring|physician)_?)?names?|initials|"
    r"(street|home)?_?address|street|(tele|mobile|cell)?_?phone" + f"({_NUMBER})?" + r"|e?_?mail(_address)?|"
    r"dob|(date_of_)?birth(_?da(y|te))?|mrn|ssn|social_security.*|insurance.*|(zip|post(al)?)_?code|accession|"
    + f"(medical_?record|record|accession|hospital|passport|national|health|nhs){_NUMBER})"
    + f"|patient{_NUMBER}"
)
"""Columns, in lower case with `_` between words, that could name a patient: never kept."""


@dataclass(frozen=True)
class Columns:
    """Where a table says what.

    Attributes
    ----------
    id, duration, event
        Column names; None where known names decide.
    event_value
        What the event column says of a subject with an event; None where it says 1.
    unit
        `days`, `weeks`, `months` or `years`; None where the duration's name ends in it, else days.
    sheet
        Sheet of a workbook; None for the first.
    missing
        What a cell says when nothing is known.
    truth
        Column with the true log-hazard of simulated subjects; None where there is none.
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
"""Columns of public cohorts by name; where there are several forms of a table, the first that fits."""


@dataclass(frozen=True)
class Clinical:
    """A clinical table, read and checked.

    Attributes
    ----------
    id
        (n,) strings, unique.
    duration
        (n,) float64 in days, 0 or more.
    event
        (n,) bool, True where the event was seen.
    truth
        (n,) float64, true log-hazard of simulated subjects; else None.
    covariates
        The other columns by name, (n,) numbers (NaN where missing) or strings ("" where missing).
    columns
        Where all of this was found.
    notes
        What was left out, and why.
    """

    id: NDArray[np.str_]
    duration: NDArray[np.float64]
    event: NDArray[np.bool_]
    truth: NDArray[np.float64] | None
    covariates: Mapping[str, NDArray[Any]]
    columns: Columns
    notes: tuple[str, ...]


def find_table(root: Path) -> Path:
    """The only table in `root`: CSV, TSV or XLSX, else JSON.

    Raises
    ------
    DataError
        When there is none or more than one.
    """
    files = [path for path in sorted(root.iterdir()) if path.is_file() and not path.name.startswith((".", "~$"))]
    tables = [path for path in files if path.suffix.lower() in (".csv", ".tsv", ".xlsx")]
    described = {"dataset.json", "plans.json", "phantom.json"}
    tables = tables or [path for path in files if path.suffix.lower() == ".json" and path.name not in described]
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


def read_clinical(path: Path, asked: Columns, preset: str | None = None, skip_bad: bool = False) -> Clinical:
    """Read a clinical table.

    Parameters
    ----------
    path
        CSV, TSV, XLSX, Parquet, or JSON with a list of subjects.
    asked
        What the user says about its columns; known names decide on the rest.
    preset
        Name of a public cohort in `PRESETS`; what is `asked` goes before it.
    skip_bad
        Leave rows without a usable duration or event out, with a note, where they would be refused.

    Raises
    ------
    DataError
        When the table cannot be read, a column is not found, an id appears twice, or a duration or event is bad.
    """
    where = str(path)
    frame, columns = _read(path, _columns(path, asked, preset), where)
    usable, bad_rows = _without_bad_rows(frame, columns)
    frame, notes = (usable, bad_rows) if skip_bad else (frame, ())
    try:
        ids = table.identifiers(frame, columns.id or "", where)
        duration = table.durations(frame, columns.duration or "", ids, where) * DAYS[columns.unit or "days"]
        event = table.events(frame, columns.event or "", ids, where, columns.event_value)
    except DataError as error:
        if skip_bad or not bad_rows or error.try_:
            raise
        remedy = "mend the table, or leave such rows out with --set data.skip_bad=true"
        raise DataError(error.message, where=where, expected=error.expected, try_=remedy) from error
    used = {columns.id, columns.duration, columns.event, columns.truth}
    covariates, dropped = _covariates(frame, used)
    if dropped:
        notes += (f"columns that could name a patient were left out: {', '.join(dropped)}",)
    return Clinical(
        id=ids,
        duration=duration,
        event=event,
        truth=None if columns.truth is None else _truth(frame, columns.truth, where),
        covariates=covariates,
        columns=columns,
        notes=notes,
    )


def _columns(path: Path, asked: Columns, preset: str | None) -> tuple[Columns, ...]:
    """What is asked, over each form of the preset."""
    given = {name: value for name, value in vars(asked).items() if value not in (None, ())}
    return tuple(replace(form, **given) for form in (PRESETS[preset] if preset else (Columns(),)))


def _read(path: Path, forms: tuple[Columns, ...], where: str) -> tuple[pd.DataFrame, Columns]:
    """The table, and its columns with every name found."""
    columns = forms[0]
    frame = _records(path) if path.suffix.lower() == ".json" else table.read_table(path, columns.sheet)
    names = {str(name) for name in frame.columns}
    columns = next((form for form in forms if {form.id, form.duration, form.event} <= names), columns)
    if columns.missing:
        frame = frame.replace(list(columns.missing), "")
    subject = table.find_column(frame, columns.id, ID_NAMES, "id_column", where)
    event = table.find_column(frame, columns.event, table.EVENT_NAMES, "event_column", where, [subject])
    taken = [subject, event]
    duration = table.find_column(frame, columns.duration, DURATION_NAMES, "duration_column", where, taken)
    unit = columns.unit or unit_in(duration) or "days"
    return frame, replace(columns, id=subject, duration=duration, event=event, unit=unit)


def unit_in(column: str) -> str | None:
    """The unit that the name of a column ends in, such as `OS (months)` or `time_week`; None where it says none."""
    words = re.findall("[a-z]+", column.lower()) or [""]
    return next((unit for unit in DAYS if words[-1].endswith(unit) or words[-1] == unit[:-1]), None)


def _records(path: Path) -> pd.DataFrame:
    """A JSON list of subjects; what is nested gets a name with a point."""
    import pandas as pd

    entries = read_json(path)
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f"{path.name} is no table", where=str(path), expected="a JSON list with an object a subject")
    return pd.json_normalize(entries)


def _without_bad_rows(frame: pd.DataFrame, columns: Columns) -> tuple[pd.DataFrame, tuple[str, ...]]:
    ids = table.texts(frame[columns.id])
    durations = np.array([_number(cell) for cell in table.texts(frame[columns.duration])], dtype=np.float64)
    events = table.texts(frame[columns.event])
    bad = (ids == "") | ~np.isfinite(durations) | (durations < 0) | (events == "")
    if columns.event_value is None:
        codes = table.numbers(frame[columns.event])
        bad |= ~np.isin(codes, (0, 1)) if codes is not None else False
    if not bad.any():
        return frame, ()
    first = ", ".join(subject or "(no id)" for subject in ids[bad][:5])
    note = f"{int(bad.sum())} row(s) of the clinical table without a usable duration or event left out: {first}"
    return frame[~bad].reset_index(drop=True), (note + ("…" if bad.sum() > 5 else ""),)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _truth(frame: pd.DataFrame, column: str, where: str) -> NDArray[np.float64]:
    values = table.numbers(frame[table.require_column(frame, column, where)])
    if values is None or not np.isfinite(values).all():
        raise DataError(f"column '{column}' has cells that are no numbers", where=where, expected="true log-hazards")
    return values


def _covariates(frame: pd.DataFrame, used: set[str | None]) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """The other columns: numbers where all cells are (percentages too), else strings; and those left out."""
    kept: dict[str, NDArray[Any]] = {}
    dropped = []
    for name in map(str, frame.columns):
        if name in used:
            continue
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)  # PatientName, as DICOM spells it
        if IDENTIFYING.fullmatch(re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")):
            dropped.append(name)
            continue
        cells = frame[name]
        numbers = table.numbers(cells)
        if numbers is None:
            numbers = table.numbers(cells.astype(str).str.replace(r"^\s*([-\d.]+)\s*%\s*$", r"\1", regex=True))
        key = name.replace("/", "_")  # a slash would be a folder in HDF5
        kept[key] = table.texts(cells) if numbers is None else numbers
    return kept, dropped
