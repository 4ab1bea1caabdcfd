"""`CubeSource`: what every dataset of volumes shares, from a study's files to a cohort of cubes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from survembed.cohort.cohort import writing_cohort
from survembed.cohort.exclusions import Exclusion, SubjectError, count_exclusions
from survembed.cohort.subjects import CohortHeader, Subjects
from survembed.datasets.scan.case import Case
from survembed.datasets.volume.cube import Cube, make_cube
from survembed.datasets.volume.cube_cache import NO_IMAGE, in_parallel, load_cube, save_cube
from survembed.datasets.volume.field_of_view import FIELDS_OF_VIEW, WARN_OUTSIDE, smallest_edge
from survembed.datasets.volume.organ_mask import read_mask
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.datasets.volume.study import LISTED, Study, report_problems
from survembed.errors import DataError
from survembed.progress import Reporter
from survembed.storage.files import HashIndex, digest

if TYPE_CHECKING:
    from survembed.cohort.cohort import Cohort
    from survembed.cohort.source import NewCases

RECIPE_VERSION = 2
"""Raised whenever the same files and options would give other cubes."""


class CubeSource(ABC):
    """A `Source` (see `survembed.cohort.source`) of volumes: a dataset adds `find`, which knows its files and table.

    Cases are read in parallel; one that cannot be used never stops the others, and all such are named in the end.
    Finished cubes are kept beside the cohort, so that an interrupted preparation goes on where it stopped.

    Parameters
    ----------
    dataset
        Name of the dataset component.
    recipe
        How a cube is made. Without a field of view the smallest that holds every organ is chosen.
    stretch
        Stretch each organ to fill its cube instead.
    skip_bad
        Leave out cases with a problem, where they would be refused.
    """

    def __init__(self, dataset: str, recipe: Preprocessing, *, stretch: bool = False, skip_bad: bool = False) -> None:
        self.dataset, self.recipe, self.stretch, self.skip_bad = dataset, recipe, stretch, skip_bad
        self._known: tuple[Study, dict[str, list[str]]] | None = None

    @abstractmethod
    def find(self, reporter: Reporter) -> Study:
        """The study's files and table, joined; called once.

        Raises
        ------
        DataError
            When files are missing or the table is wrong.
        """

    def fingerprint(self, reporter: Reporter) -> dict[str, Any]:
        """Hashes of the images, what the table says of their subjects, and every option that shapes a cube."""
        study, hashes = self._found(reporter)
        clinical = study.clinical
        columns = {"id": clinical.id, "duration": clinical.duration, "event": clinical.event, **clinical.covariates}
        if clinical.truth is not None:
            columns["truth"] = clinical.truth
        return {
            "dataset": self.dataset,
            "title": study.title,
            "notes": [*study.notes, *(problem.message for problem in study.problems)],
            "recipe": asdict(self.recipe),
            "recipe_version": RECIPE_VERSION,
            "fov": "stretched" if self.stretch else "given" if self.recipe.fov_mm else "chosen",
            "skip_bad": self.skip_bad,
            "images": hashes,
            "table": {name: [str(value) for value in values[study.rows]] for name, values in columns.items()},
        }

    def prepare(self, path: Path, fingerprint: str, reporter: Reporter) -> None:
        """Choose the field of view from the masks, make every cube, join them into the cohort."""
        study, hashes = self._found(reporter)
        problems: dict[str, DataError] = {}
        with threadpool_limits(1, user_api="blas"):  # cases run in parallel; threads inside each would only fight
            recipe = self._with_fov(study, problems, reporter)
            good = [case for case in study.cases if case.id not in problems]
            parts = {case: _part(case, hashes[case.id], recipe, path) for case in good}
            cubes = _make_cubes(parts, recipe, problems, reporter)
        of, where = f"{len(study.cases)} cases", study.title
        notes = study.notes + report_problems([*study.problems, *problems.values()], self.skip_bad, of, where, reporter)
        notes += _warnings(cubes, reporter)
        exclusions = count_exclusions(study.exclusions, study.problems, problems.values())
        with writing_cohort(path, self._header(study, recipe, notes, exclusions), fingerprint) as writer:
            for case, part in parts.items():
                if case.id in cubes:
                    writer.add(_image(part)[None])
            writer.finish(_subjects(study, recipe, cubes, hashes), where)

    def read_new(self, files: Mapping[str, Path], cohort: Cohort) -> NewCases:
        """A new CT and mask, a mask alone where the cohort has no CT, or a folder of one subject, such as DICOM."""
        from survembed.datasets.volume.new_volume import read_volume

        return read_volume(files, cohort.header, self.recipe)

    def _found(self, reporter: Reporter) -> tuple[Study, dict[str, list[str]]]:
        """The study and the hashes of each case's files; found once."""
        if self._known is None:
            study = self.find(reporter)
            self._known = study, _hashed(study, reporter)
        return self._known

    def _with_fov(self, study: Study, problems: dict[str, DataError], reporter: Reporter) -> Preprocessing:
        """The recipe with a field of view: the one asked for, else the smallest that holds every organ."""
        recipe = self.recipe
        if recipe.fov_mm is not None or self.stretch:
            return recipe

        def shares_outside(case: Case) -> list[float] | DataError:
            try:
                mask = read_mask(case, recipe)
                return [mask.outside(np.full(3, float(edge))) for edge in FIELDS_OF_VIEW]
            except DataError as error:
                return _named(error, case)

        shares = []
        with reporter.task("Measuring organs", len(study.cases), "volumes") as task:
            for case, result in zip(study.cases, in_parallel(shares_outside, study.cases), strict=True):
                if isinstance(result, DataError):
                    problems[case.id] = result
                else:
                    shares.append(result)
                task.advance()
        edge = smallest_edge(np.array(shares).reshape(-1, len(FIELDS_OF_VIEW)))
        reporter.say(f"field of view {edge} mm: the smallest that holds at least {1 - WARN_OUTSIDE:.0%} of every organ")
        return replace(recipe, fov_mm=(edge, edge, edge))

    def _header(
        self, study: Study, recipe: Preprocessing, notes: tuple[str, ...], exclusions: tuple[Exclusion, ...]
    ) -> CohortHeader:
        fov = recipe.fov_mm
        return CohortHeader(
            dataset=self.dataset,
            title=study.title,
            channels=recipe.channels(study.has_ct),
            shape=recipe.size,
            synthetic=study.synthetic,
            spacing_mm=None if fov is None else tuple(e / s for e, s in zip(fov, recipe.size, strict=True)),
            notes=notes,
            exclusions=exclusions,
        )


def _hashed(study: Study, reporter: Reporter) -> dict[str, list[str]]:
    """sha256 of each case's files, by id."""
    files = [path for case in study.cases for path in case.files]
    index = HashIndex()

    def hashed(path: Path) -> str:
        try:
            return index.sha256(path)
        except OSError as error:  # its case is refused, with the others that are bad, when it is read
            return f"unreadable: {error.strerror}"

    hashes = {}
    with reporter.task("Hashing files", len(files), "files") as task:
        for file, checksum in zip(files, in_parallel(hashed, files), strict=True):
            hashes[file] = checksum
            task.advance()
    index.save()
    return {case.id: [hashes[path] for path in case.files] for case in study.cases}


def _part(case: Case, hashes: list[str], recipe: Preprocessing, path: Path) -> Path:
    """Where this case's cube is kept while the cohort is made; any earlier attempt's will do."""
    key = digest([RECIPE_VERSION, asdict(recipe), case.id, hashes])[:32]
    earlier = path.parent.glob(f"*.parts/{key}.npz")
    return next(earlier, path.with_suffix(".parts") / f"{key}.npz")


def _make_cubes(
    parts: dict[Case, Path], recipe: Preprocessing, problems: dict[str, DataError], reporter: Reporter
) -> dict[str, Cube]:
    """Make and keep the cube of each case that has none yet; all but the image of each, by id."""

    def make(item: tuple[Case, Path]) -> Cube | DataError:
        case, part = item
        try:
            cube = load_cube(part)
            if cube is None:
                cube = make_cube(case, recipe)
                save_cube(part, cube)
            return replace(cube, image=NO_IMAGE)
        except DataError as error:
            return _named(error, case)

    cubes = {}
    with reporter.task("Preparing volumes", len(parts), "volumes") as task:
        for case, result in zip(parts, in_parallel(make, parts.items()), strict=True):
            if isinstance(result, DataError):
                problems[case.id] = result
            else:
                cubes[case.id] = result
            task.advance()
    return cubes


def _subjects(study: Study, recipe: Preprocessing, cubes: dict[str, Cube], hashes: dict[str, list[str]]) -> Subjects:
    good = np.array([case.id in cubes for case in study.cases], dtype=np.bool_)
    rows = study.rows[good]
    clinical, facts = study.clinical, list(cubes.values())
    measures = [cube.measures(recipe) for cube in facts]
    return Subjects(
        id=clinical.id[rows],
        duration=clinical.duration[rows],
        event=clinical.event[rows],
        truth=None if clinical.truth is None else clinical.truth[rows],
        covariates={name: values[rows] for name, values in clinical.covariates.items()},
        measures={name: np.array([each[name] for each in measures]) for name in (measures[0] if measures else ())},
        affine=np.array([cube.affine for cube in facts]).reshape(-1, 4, 4),
        source=np.array([" ".join(hashes[subject]) for subject in clinical.id[rows].tolist()], dtype=np.str_),
    )


def _named(error: DataError, case: Case) -> DataError:
    """The error with the subject's name before it."""
    return SubjectError(
        f"{case.id}: {error.message}",
        reason=error.message,
        where=error.where,
        expected=error.expected,
        try_=error.try_,
    )


def _warnings(cubes: dict[str, Cube], reporter: Reporter) -> tuple[str, ...]:
    """What was doubtful in the cases that are kept, said and returned."""
    warnings = tuple(f"{subject}: {warning}" for subject, cube in cubes.items() for warning in cube.warnings)
    for warning in warnings[:LISTED]:
        reporter.warn(warning)
    if len(warnings) > LISTED:
        reporter.warn(f"… and {len(warnings) - LISTED} more, all kept in the cohort's notes")
    if cubes and not any(cube.tumour_ml for cube in cubes.values()):
        warnings = (*warnings, "no case has any tumour")
        reporter.warn("no case has any tumour: check --set data.tumour_labels=…")
    return warnings


def _image(part: Path) -> NDArray[np.uint8]:
    cube = load_cube(part)
    if cube is None:
        raise DataError(f"the prepared volume {part.name} vanished", where=str(part), try_="prepare the cohort again")
    return cube.image
