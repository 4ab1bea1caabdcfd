"""`CubeSource`: base class for datasets of volumes, from the files of a study to a cohort of cubes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from survembed.cohort.cohort import writing_cohort
from survembed.cohort.exclusions import Exclusion, SubjectError, count_exclusions
from survembed.cohort.subjects import CohortHeader, Subjects
from survembed.datasets.joining import LISTED, report_problems
from survembed.datasets.scan.case import Case
from survembed.datasets.volume.cube import Cube, make_cube
from survembed.datasets.volume.cube_cache import load_cube, save_cube
from survembed.datasets.volume.field_of_view import (
    FIELDS_OF_VIEW,
    field_of_view,
    note_of_choice,
    shares_outside,
    smallest_edge_mm,
)
from survembed.datasets.volume.hounsfield_cohort import Density, unlike_cohort, unusual_in_cohort
from survembed.datasets.volume.mask_choice import mask_labels
from survembed.datasets.volume.organ_mask import read_mask
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.datasets.volume.sanity_checks import NO_TUMOUR_HINT
from survembed.datasets.volume.study import Study
from survembed.errors import DataError
from survembed.progress import Reporter
from survembed.storage.cores import map_in_threads
from survembed.storage.files import HashIndex, digest

if TYPE_CHECKING:
    from survembed.cohort.form import CohortForm
    from survembed.cohort.source import NewCases

PREPROCESSING_VERSION = 3
"""Increased when the same files and options give other cubes."""

Output = TypeVar("Output")
AnyCase = TypeVar("AnyCase", bound=Case)
Hashes = dict[str, list[str]]
"""sha256 of the files of each case, by id."""


class CubeSource(ABC):
    """A `Source` (see `survembed.cohort.source`) of volumes; a dataset implements `find` for its files and table.

    Cases are read in parallel. An invalid case does not stop the others; all invalid cases are reported together. The
    cubes are cached beside the cohort, so that an interrupted preparation continues.

    Parameters
    ----------
    dataset
        Name of the dataset component.
    preprocessing
        How a cube is made. If the field of view is None, the smallest that contains every organ is chosen.
    stretch
        Stretch each organ to fill its cube instead.
    skip_bad
        Leave out invalid cases instead of refusing the study.
    """

    def __init__(
        self, dataset: str, preprocessing: Preprocessing, *, stretch: bool = False, skip_bad: bool = False
    ) -> None:
        self.dataset, self.preprocessing, self.stretch, self.skip_bad = dataset, preprocessing, stretch, skip_bad
        self.labels_of_run: Mapping[str, Sequence[int]] = {}
        self._cached: tuple[Study, Hashes] | None = None

    def like(self, form: CohortForm) -> Self:
        """This source with the field of view of another cohort, and its labels where nothing names those here."""
        source = copy(self)
        source.labels_of_run = form.header.mask_labels
        source.preprocessing = replace(self.preprocessing, fov_mm=field_of_view(form.header))
        source.stretch = form.header.spacing_mm is None
        return source

    @abstractmethod
    def find(self, reporter: Reporter) -> Study:
        """Find the files and the clinical table of the study and join them; called once.

        Raises
        ------
        DataError
            If files are missing or the table is invalid.
        """

    def fingerprint(self, reporter: Reporter) -> dict[str, Any]:
        """Hashes of the images, the table rows of their subjects, and all options of the preprocessing."""
        study, hashes = self._study_and_hashes(reporter)
        clinical = study.clinical
        columns = {"id": clinical.id, "duration": clinical.duration, "event": clinical.event, **clinical.covariates}
        if clinical.truth is not None:
            columns["truth"] = clinical.truth
        if clinical.entry is not None:
            columns["entry"] = clinical.entry
        if clinical.cause is not None:  # the names are in the notes, which say what each code is
            columns["cause"] = clinical.cause
        return {
            "dataset": self.dataset,
            "title": study.title,
            "notes": [*study.notes, *(problem.message for problem in study.problems)],
            "recipe": asdict(self.preprocessing),  # other keys would invalidate prepared cohorts
            "recipe_version": PREPROCESSING_VERSION,
            "fov": "stretched" if self.stretch else "given" if self.preprocessing.fov_mm else "chosen",
            "skip_bad": self.skip_bad,
            "images": hashes,
            "table": {name: [str(value) for value in values[study.rows]] for name, values in columns.items()},
        }

    def prepare(self, path: Path, fingerprint: str, reporter: Reporter) -> None:
        """Choose the field of view from the masks, make all cubes, and write them as a cohort."""
        study, hashes = self._study_and_hashes(reporter)
        problems: dict[str, DataError] = {}
        with threadpool_limits(1, user_api="blas"):  # cases run in parallel, so BLAS threads would compete
            preprocessing, chosen = self._choose_field_of_view(study, problems, reporter)
            valid = [case for case in study.cases if case.id not in problems]
            cube_paths = {case: _cube_path(case, hashes[case.id], preprocessing, path) for case in valid}
            cubes = self._make_cubes(cube_paths, preprocessing, problems, reporter)
            _drop_unlike_cohort(cubes, problems)
        of, where = f"{len(study.cases)} cases", study.title
        notes = study.notes + report_problems([*study.problems, *problems.values()], self.skip_bad, of, where, reporter)
        notes += chosen + _report_warnings(cubes, reporter)
        exclusions = count_exclusions(study.exclusions, study.problems, problems.values())
        with writing_cohort(path, self._header(study, preprocessing, notes, exclusions), fingerprint) as writer:
            for case in cubes:
                writer.add(_load_image(cube_paths[case])[None])
            measures = [self.measures(cube, preprocessing) for cube in cubes.values()]
            writer.finish(_subjects(study, cubes, measures, hashes), where)

    def read_new(self, files: Mapping[str, Path], cohort: CohortForm) -> NewCases:
        """Read a new CT and mask; only a mask if the cohort has no CT; or a folder of one subject, such as DICOM."""
        from survembed.datasets.volume.new_volume import read_volume

        return read_volume(files, cohort.header, self.preprocessing)

    def make_cube(self, case: Case, preprocessing: Preprocessing) -> Cube:
        """The cube of one subject; see `survembed.datasets.volume.cube.make_cube`."""
        return make_cube(case, preprocessing)

    def measures(self, cube: Cube, preprocessing: Preprocessing) -> dict[str, float]:
        """Measurements of a cube by name."""
        return cube.measures(preprocessing)

    def mask_labels(self, study: Study, preprocessing: Preprocessing) -> Mapping[str, tuple[int, ...]]:
        """Labels of the study's label maps, for new subjects."""
        return mask_labels(study.cases, preprocessing)

    def choose_edge(self, study: Study, problems: dict[str, DataError], reporter: Reporter) -> tuple[float, str]:
        """Edge in mm of the smallest cube that contains every organ, and a note; bad cases are added to `problems`."""

        def measure(case: Case) -> list[float]:
            return shares_outside(read_mask(case, self.preprocessing))

        shares = map_cases(measure, study.cases, "Measuring organs", problems, reporter)
        edge = smallest_edge_mm(np.array(list(shares.values())).reshape(-1, len(FIELDS_OF_VIEW)))
        return edge, note_of_choice(edge, len(shares))

    def _study_and_hashes(self, reporter: Reporter) -> tuple[Study, Hashes]:
        if self._cached is None:
            study = self.find(reporter)
            self._cached = study, _hash_files(study, reporter)
        return self._cached

    def _choose_field_of_view(
        self, study: Study, problems: dict[str, DataError], reporter: Reporter
    ) -> tuple[Preprocessing, tuple[str, ...]]:
        """The preprocessing with a field of view: given, or the smallest that contains every organ, and then a note."""
        preprocessing = self.preprocessing
        if preprocessing.fov_mm is not None or self.stretch:
            return preprocessing, ()

        edge, note = self.choose_edge(study, problems, reporter)
        reporter.say(note)
        return replace(preprocessing, fov_mm=(edge, edge, edge)), (note,)

    def _make_cubes(
        self, paths: dict[Case, Path], preprocessing: Preprocessing, problems: dict[str, DataError], reporter: Reporter
    ) -> dict[Case, Cube]:
        """Make and cache the missing cubes; return all cubes without their images, which would fill the memory."""

        def make(case: Case) -> Cube:
            cube = load_cube(paths[case])
            if cube is None:
                cube = self.make_cube(case, preprocessing)
                save_cube(paths[case], cube)
            return replace(cube, image=np.empty(0, np.uint8))

        return map_cases(make, list(paths), "Preparing volumes", problems, reporter)

    def _header(
        self, study: Study, preprocessing: Preprocessing, notes: tuple[str, ...], exclusions: tuple[Exclusion, ...]
    ) -> CohortHeader:
        fov_mm, size = preprocessing.fov_mm, preprocessing.size
        return CohortHeader(
            dataset=self.dataset,
            title=study.title,
            channels=preprocessing.channels(study.has_ct),
            shape=size,
            synthetic=study.synthetic,
            spacing_mm=None if fov_mm is None else tuple(e / s for e, s in zip(fov_mm, size, strict=True)),
            notes=notes,
            exclusions=exclusions,
            mask_labels=self.mask_labels(study, preprocessing),
            causes=tuple(name for _, name in study.clinical.columns.causes),
        )


def _hash_files(study: Study, reporter: Reporter) -> Hashes:
    files = [path for case in study.cases for path in case.files]
    index = HashIndex()

    def file_hash(path: Path) -> str:
        try:
            return index.sha256(path)
        except OSError as error:  # the case is refused, with all other invalid cases, when it is read
            return f"unreadable: {error.strerror}"

    hashes = {}
    with reporter.task("Hashing files", len(files), "files") as task:
        for file, checksum in zip(files, map_in_threads(file_hash, files), strict=True):
            hashes[file] = checksum
            task.advance()
    index.save()
    return {case.id: [hashes[path] for path in case.files] for case in study.cases}


def _cube_path(case: Case, hashes: list[str], preprocessing: Preprocessing, path: Path) -> Path:
    """Cache file of a cube; a file from any earlier attempt is reused."""
    key = digest([PREPROCESSING_VERSION, asdict(preprocessing), case.id, hashes])[:32]
    earlier = path.parent.glob(f"*.parts/{key}.npz")
    return next(earlier, path.with_suffix(".parts") / f"{key}.npz")


def map_cases(
    function: Callable[[AnyCase], Output],
    cases: Sequence[AnyCase],
    title: str,
    problems: dict[str, DataError],
    reporter: Reporter,
) -> dict[AnyCase, Output]:
    """Results of `function` for the valid cases; errors of the others are added to `problems` by id."""

    def result_or_error(case: AnyCase) -> Output | DataError:
        try:
            return function(case)
        except DataError as error:
            return _of_subject(case, error)

    results = {}
    with reporter.task(title, len(cases), "volumes") as task:
        for case, result in zip(cases, map_in_threads(result_or_error, cases), strict=True):
            if isinstance(result, DataError):
                problems[case.id] = result
            else:
                results[case] = result
            task.advance()
    return results


def _drop_unlike_cohort(cubes: dict[Case, Cube], problems: dict[str, DataError]) -> None:
    """Move the cases whose CT seems to be in another unit than the others from `cubes` to `problems`."""
    unlike = unlike_cohort(_densities(cubes))
    for case in [case for case in cubes if case.id in unlike]:
        del cubes[case]
        problems[case.id] = _of_subject(case, unlike[case.id])


def _densities(cubes: Mapping[Case, Cube]) -> dict[str, Density]:
    return {case.id: cube.density for case, cube in cubes.items() if cube.density is not None}


def _of_subject(case: Case, error: DataError) -> SubjectError:
    where = error.where or str(case.ct)
    message = f"{case.id}: {error.message}"
    return SubjectError(message, reason=error.message, where=where, expected=error.expected, try_=error.try_)


def _subjects(study: Study, cubes: dict[Case, Cube], measures: list[dict[str, float]], hashes: Hashes) -> Subjects:
    rows = study.rows[np.array([case in cubes for case in study.cases], dtype=np.bool_)]
    ids = [case.id for case in cubes]
    clinical = study.clinical
    return Subjects(
        id=np.array(ids, dtype=np.str_),
        duration=clinical.duration[rows],
        event=clinical.event[rows],
        truth=None if clinical.truth is None else clinical.truth[rows],
        entry=None if clinical.entry is None else clinical.entry[rows],
        cause=None if clinical.cause is None else clinical.cause[rows],
        covariates={name: values[rows] for name, values in clinical.covariates.items()},
        measures={name: np.array([each[name] for each in measures]) for name in (measures[0] if measures else ())},
        affine=np.array([cube.affine for cube in cubes.values()]).reshape(-1, 4, 4),
        source=np.array([" ".join(hashes[subject]) for subject in ids], dtype=np.str_),
    )


def _report_warnings(cubes: dict[Case, Cube], reporter: Reporter) -> tuple[str, ...]:
    """Print and return the warnings of all cubes."""
    unusual = unusual_in_cohort(_densities(cubes))
    warnings = tuple(f"{case.id}: {warning}" for case, cube in cubes.items() for warning in cube.warnings)
    warnings += tuple(f"{name}: {warning}" for name, warning in unusual.items())
    for warning in warnings[:LISTED]:
        reporter.warn(warning)
    if len(warnings) > LISTED:
        reporter.warn(f"… and {len(warnings) - LISTED} more, all in the notes of the cohort")
    if any(cube.organ_ml for cube in cubes.values()) and not any(cube.tumour_ml for cube in cubes.values()):
        warnings = (*warnings, "no case has any tumour")
        reporter.warn(f"no case has any tumour: {NO_TUMOUR_HINT}")
    return warnings


def _load_image(path: Path) -> NDArray[np.uint8]:
    cube = load_cube(path)
    if cube is None:
        raise DataError(f"the prepared volume {path.name} is missing", where=str(path), try_="prepare the cohort again")
    return cube.image
