"""tabular: a CSV, TSV, XLSX or Parquet table, or a DeepSurv HDF5 file, as a cohort of one-dimensional images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from survembed.cohort.cohort import writing_cohort
from survembed.cohort.exclusions import Exclusion
from survembed.cohort.subjects import Channel, CohortHeader, Subjects
from survembed.datasets.tabular.columns import Columns
from survembed.datasets.tabular.covariates import read_covariates, refuse_unclear
from survembed.datasets.tabular.descriptions import sidecar
from survembed.datasets.tabular.outcome import read_outcome
from survembed.datasets.tabular.reading import read_table
from survembed.errors import DataError, UsageError
from survembed.progress import Reporter
from survembed.storage.files import HashIndex, unreadable

if TYPE_CHECKING:
    from survembed.cohort.form import CohortForm
    from survembed.cohort.source import NewCases
    from survembed.cohort.study_check import StudyCheck
    from survembed.datasets import Tabular

MAX_LEVELS = 20
"""A text column with more distinct values is free text: an error if it is requested, else dropped."""

FLOAT32_MAX = np.finfo(np.float32).max
"""Features of this size or more, including infinity, count as missing."""

HDF5_GROUPS = {"train": "train", "valid": "validation", "test": "test"}
"""Parts of the split by group of a DeepSurv file; `valid` is optional."""

LATER_OPTIONS = ("start_column", "end_column", "date_order", "entry_column", "causes")
"""Options that are newer than prepared cohorts: not set, they leave the fingerprint as it was."""

HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf")


@dataclass
class Features:
    """Features of a table, added column by column.

    Attributes
    ----------
    columns
        (n,) float64 by feature name, NaN where missing.
    covariates
        The source columns by name: numbers or strings.
    notes
        Sentences on encoded and dropped columns.
    """

    columns: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    covariates: dict[str, NDArray[Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(
        self, name: str, values: NDArray[Any], requested: bool, where: str, known: tuple[str, ...] | None = None
    ) -> None:
        """Add a column: numbers unchanged, up to `MAX_LEVELS` distinct strings as indicators of all but the first.

        `known` are the categories of this column in the cohort of a run, empty for numbers.

        Raises
        ------
        DataError
            If the column is `requested` but holds more strings, or contents that the run does not know.
        """
        if known is not None:
            _refuse_unknown(name, values, known, where)
        if values.dtype.kind not in "OUS":
            values[~(np.abs(values) < FLOAT32_MAX)] = np.nan
            if np.isfinite(values).any():
                self.columns[name] = self.covariates[name] = values
            else:
                self.notes.append(f"Column '{name}' is dropped: it is empty.")
            return
        levels = list(known or sorted(set(values.tolist()) - {""}))
        if len(levels) > MAX_LEVELS:
            reason = f"column '{name}' holds {len(levels)} different strings"
            if requested:
                raise DataError(reason, where=where, expected=f"numbers, or at most {MAX_LEVELS} different strings")
            self.notes.append(f"{reason[0].upper()}{reason[1:]}: dropped.")
            return
        self.covariates[name] = values
        for level in levels[1:]:
            self.columns[f"{name}={level}"] = np.where(values == "", np.nan, (values == level).astype(np.float64))
        self.notes.append(f"Column '{name}' is encoded against '{levels[0]}' as {len(levels) - 1} indicator(s).")


def _refuse_unknown(name: str, values: NDArray[Any], known: tuple[str, ...], where: str) -> None:
    is_text = values.dtype.kind in "OUS"
    if is_text != bool(known):
        raise DataError(
            f"column '{name}' holds {'text' if is_text else 'numbers'}",
            where=where,
            expected=f"one of {', '.join(known)}, as in the training data" if known else "numbers, as in the run",
        )
    new = sorted(set(values.tolist()) - {"", *known}) if is_text else []
    if new:
        raise DataError(
            f"column '{name}' has '{new[0]}', which the training data never had",
            where=where,
            expected=f"one of {', '.join(known)}",
        )


@dataclass(frozen=True)
class TableSource:
    """Source of a cohort in one table or DeepSurv file.

    Attributes
    ----------
    options
        Of the component.
    form
        The cohort of a run, as which this one is prepared: the same features, encoded alike. None for its own.
    """

    options: Tabular
    form: CohortForm | None = None

    def like(self, form: CohortForm) -> TableSource:
        """This source with the features and categories of another cohort."""
        return replace(self, form=form)

    @property
    def path(self) -> Path:
        """The file.

        Raises
        ------
        DataError
            If the option `root` is not set or the file does not exist.
        """
        root = self.options.root
        if root is None or not root.is_file():
            raise DataError(
                "option root is not set" if root is None else f"no file {root.name}",
                where="option root" if root is None else str(root),
                expected="a .csv, .tsv, .xlsx or .parquet table, or a DeepSurv .h5 file",
                try_="--root FILE",
            )
        return root

    def fingerprint(self, reporter: Reporter) -> dict[str, Any]:
        """Hashes of the file and of the descriptions beside it, and the options that select its columns."""
        index = HashIndex()
        try:
            content = index.sha256(self.path)
            beside = sidecar(self.path)
            described = {"descriptions": index.sha256(beside)} if beside else {}
        except OSError as error:
            raise unreadable(self.path, error) from error
        index.save()
        later = {name for name in LATER_OPTIONS if getattr(self.options, name) in (None, ())}
        options = self.options.model_dump(mode="json", exclude={"root", *later}) | described
        if self.form:
            options["like"] = [list(self.form.header.features), {k: list(v) for k, v in self.form.levels.items()}]
        return {"dataset": "tabular", "sha256": content, "name": self.path.name, **options}

    def prepare(self, path: Path, fingerprint: str, reporter: Reporter) -> None:
        """Write the cohort: images (1, d) of the features, which models standardise by the training part."""
        source = self.path
        if source.suffix.lower() in HDF5_SUFFIXES:
            subjects, columns, notes, unit = _read_deepsurv(source, self.options)
        else:
            subjects, columns, notes, unit = _read_columns(source, self.options, self.form)
        values = np.stack(list(columns.values()), axis=1)
        gaps = np.asarray(np.isnan(values).any(axis=1))
        if gaps.any() and self.options.missing == "error":
            row = int(np.flatnonzero(gaps)[0])
            name = list(columns)[int(np.flatnonzero(np.isnan(values[row]))[0])]
            raise DataError(
                f"{int(gaps.sum())} of {len(gaps)} subjects miss a feature, first: subject '{subjects.id[row]}' has no "
                f"'{name}'",
                where=str(source),
                expected="a number for every subject and feature",
                try_="--set data.missing=drop, or --set data.features=… with complete columns only",
            )
        exclusions: tuple[Exclusion, ...] = ()
        if gaps.any():
            exclusions = (Exclusion("a feature is missing", int(gaps.sum())),)
            notes = [*notes, f"{exclusions[0].n} of {len(gaps)} subjects are left out: they miss a feature."]
            subjects, values = subjects.take(~gaps), values[~gaps]
        subjects.check(str(source))
        header = CohortHeader(
            dataset="tabular",
            title=source.stem,
            channels=(Channel("covariates", "gaussian", standardise=True),),
            shape=(values.shape[1],),
            dtype="float32",
            time_unit=unit,
            features=tuple(columns),
            notes=tuple(notes),
            exclusions=exclusions,
            causes=tuple(name for _, name in self.options.causes),
        )
        for note in notes:
            reporter.say(note)
        with writing_cohort(path, header, fingerprint) as writer:
            writer.add(values.astype(np.float32)[:, None])
            writer.finish(subjects, where=str(source))

    def check(self, reporter: Reporter) -> StudyCheck:
        """Report all columns, problems and warnings. No file is written."""
        from survembed.datasets.tabular.check import check_table

        if self.path.suffix.lower() in HDF5_SUFFIXES:
            raise UsageError(
                f"{self.path.name} has no columns to check",
                where=str(self.path),
                expected="a .csv, .tsv, .xlsx or .parquet table",
                try_="survembed data prepare tabular, which reads and checks it",
            )
        return check_table(self.path, self.options)

    def read_new(self, files: Mapping[str, Path], cohort: CohortForm) -> NewCases:
        """Features of the rows of another table with the same columns."""
        from survembed.datasets.tabular.new_rows import read_rows

        return read_rows(files, cohort, self.options, float(FLOAT32_MAX))


TableContents = tuple[Subjects, dict[str, NDArray[np.float64]], list[str], str]


def _read_columns(path: Path, options: Tabular, form: CohortForm | None = None) -> TableContents:
    """Subjects, feature columns, notes and time unit of a table with one row per subject; `form` as of the source."""
    where = str(path)
    table = read_table(path, options.sheet, options.decimal, options.missing_codes)
    outcome = read_outcome(table, Columns.of(options), needs_id=False, converted=False)
    requested = [name.strip() for name in (options.features or "").split(",") if name.strip()]
    wanted = None if form is None else _columns_of(form)
    if wanted is not None:
        requested = list(wanted)
    covariates = read_covariates(outcome, requested)
    refuse_unclear(covariates, where)
    doubt = [outcome.unit_warning] if outcome.unit_warning else []
    features = Features(notes=[outcome.choice, *outcome.notes, *covariates.notes, *doubt])
    for name, values in covariates.values.items():
        features.add(name, values, bool(requested), where, None if wanted is None else wanted[name])
    if not features.columns:
        raise DataError("no feature is left", where=where, expected="columns of numbers besides duration and event")
    subjects = Subjects(
        outcome.id,
        outcome.duration,
        outcome.event,
        covariates=features.covariates,
        entry=outcome.entry,
        cause=outcome.cause,
    )
    return subjects, features.columns, features.notes, outcome.columns.unit or "units"


def _columns_of(form: CohortForm) -> dict[str, tuple[str, ...]]:
    """Columns behind the features of a cohort, in their order, with the categories of those that are encoded."""
    of_feature = {f"{name}={level}": name for name, levels in form.levels.items() for level in levels}
    names = dict.fromkeys(of_feature.get(feature, feature) for feature in form.header.features)
    return {name: form.levels.get(name, ()) for name in names}


def _read_deepsurv(path: Path, options: Tabular) -> TableContents:
    """Subjects, features and notes of an HDF5 file with groups `train` and `test` of `x` (n, d), `t` and `e` (n,)."""
    expected = "groups train and test, each with x (n, d), t (n,) and e (n,)"
    if options.entry_column:
        raise DataError(f"{path.name} has no columns, and so no late entries", where=str(path), expected=expected)
    if options.causes:
        raise DataError(f"{path.name} has one kind of event, and no causes", where=str(path), expected=expected)
    try:
        with h5py.File(path, "r") as file:
            parts = {
                part: [np.asarray(file[group][name], dtype=np.float64) for name in "xte"]
                for group, part in HDF5_GROUPS.items()
                if part != "validation" or group in file
            }
    except Exception as error:  # h5py raises OSError, KeyError, RuntimeError and more on a damaged file
        raise DataError(
            f"cannot read {path.name}: not a DeepSurv file, or damaged", where=str(path), expected=expected
        ) from error
    for part, (x, t, e) in parts.items():
        if x.ndim != 2 or t.shape != (len(x),) or e.shape != (len(x),) or x.shape[1] != parts["train"][0].shape[1]:
            raise DataError(
                f"group '{part}' of {path.name} has shapes x {x.shape}, t {t.shape}, e {e.shape}",
                where=str(path),
                expected=expected,
            )
    x, t, e = (np.concatenate([parts[part][position] for part in parts]) for position in range(3))
    ids = np.array([f"{part}-{row:04d}" for part in parts for row in range(len(parts[part][0]))])
    bad = ~np.isin(e, (0.0, 1.0))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(f"event of '{ids[row]}' is {e[row]:g}", where=str(path), expected="0 (censored) or 1 (event)")
    split = np.array([part for part in parts for _ in parts[part][0]])
    x[~(np.abs(x) < FLOAT32_MAX)] = np.nan
    columns = {f"x{number}": x[:, number] for number in range(x.shape[1])}
    if not columns:
        raise DataError("no feature is left", where=str(path), expected=expected)
    subjects = Subjects(id=ids, duration=t, event=e.astype(np.bool_), split=split, covariates=dict(columns))
    notes = ["The split into training and test part is defined in the file."]
    return subjects, columns, notes, options.duration_unit or "units"
