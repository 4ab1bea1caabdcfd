"""Liver (or any organ) cohorts: a folder of CTs and masks and a clinical table, or the synthetic phantom."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from survembed.cohort import writing_cohort
from survembed.datasets.fov import FIELDS_OF_VIEW, WARN_OUTSIDE, smallest_edge
from survembed.datasets.layouts import Case
from survembed.datasets.parts import NO_IMAGE, in_parallel, load_cube, save_cube
from survembed.datasets.phantom import cached_phantom
from survembed.datasets.study import LISTED, Study, find_study, report_problems
from survembed.datasets.volume import Cube, Recipe, make_cube, read_mask
from survembed.errors import DataError
from survembed.progress import Reporter
from survembed.storage import HashIndex, digest
from survembed.subjects import Channel, CohortHeader, Subjects

if TYPE_CHECKING:
    from survembed.checks import StudyCheck
    from survembed.datasets import Liver

RECIPE_VERSION = 1
"""Raised whenever the same files and options would give other cubes."""


class LiverSource:
    """The files behind `Liver`; see `survembed.datasets.base.Source`."""

    def __init__(self, options: Liver) -> None:
        self.options = options
        self._study: Study | None = None
        self._hashes: dict[str, list[str]] = {}

    def fingerprint(self, reporter: Reporter) -> dict[str, Any]:
        """Hashes of the images, what the table says of their subjects, and every option that shapes a cube."""
        study = self._found(reporter)
        clinical = study.clinical
        columns = {"id": clinical.id, "duration": clinical.duration, "event": clinical.event, **clinical.covariates}
        if clinical.truth is not None:
            columns["truth"] = clinical.truth
        return {
            "dataset": "liver",
            "title": study.title,
            "notes": list(study.notes),
            "recipe": asdict(self._recipe),
            "recipe_version": RECIPE_VERSION,
            "fov": "stretched" if self.options.stretch else "given" if self._recipe.fov_mm else "chosen",
            "skip_bad": self.options.skip_bad,
            "images": self._hashes,
            "table": {name: [str(value) for value in values[study.rows]] for name, values in columns.items()},
        }

    def prepare(self, path: Path, fingerprint: str, reporter: Reporter) -> None:
        """Choose the field of view from the masks, make every cube, join them into the cohort.

        A case that cannot be used never stops the others; all such cases are named in the end.
        """
        study = self._found(reporter)
        problems: dict[str, DataError] = {}
        with threadpool_limits(1, user_api="blas"):  # cases run in parallel; threads inside each would only fight
            recipe = self._with_fov(study, problems, reporter)
            parts = {case: self._part(case, recipe, path) for case in study.cases if case.id not in problems}
            cubes = _make_cubes(parts, recipe, problems, reporter)
        of, where = f"{len(study.cases)} cases", study.title
        notes = study.notes + report_problems(list(problems.values()), self.options.skip_bad, of, where, reporter)
        notes += _warnings(cubes, reporter)
        with writing_cohort(path, self._header(study, recipe, notes), fingerprint) as writer:
            for case, part in parts.items():
                if case.id in cubes:
                    writer.add(_image(part)[None])
            writer.finish(self._subjects(study, cubes), where)

    def check(self, reporter: Reporter) -> StudyCheck:
        """Read everything and say what is wrong or doubtful; nothing is written."""
        from survembed.datasets.check import check_study

        return check_study(self._root(reporter), self.options, self._recipe, reporter)

    def _root(self, reporter: Reporter) -> Path:
        options = self.options
        return options.root or cached_phantom(options.n_subjects, options.phantom_seed, options.effect, reporter)

    def _found(self, reporter: Reporter) -> Study:
        """The study, its files hashed; found once."""
        if self._study is None:
            study = find_study(self._root(reporter), self.options, reporter)
            files = [path for case in study.cases for path in case.files]
            index = HashIndex()

            def hashed(path: Path) -> str:
                try:
                    return index.sha256(path)
                except OSError as error:  # its case is refused, with the others that are bad, when it is read
                    return f"unreadable: {error.strerror}"

            with reporter.task("Hashing files", len(files), "files") as task:
                hashes = {}
                for file, checksum in zip(files, in_parallel(hashed, files), strict=True):
                    hashes[file] = checksum
                    task.advance()
            index.save()
            self._hashes = {case.id: [hashes[path] for path in case.files] for case in study.cases}
            self._study = study
        return self._study

    @cached_property
    def _recipe(self) -> Recipe:
        """As asked; without a field of view where it is stretched, or chosen from the cohort."""
        options = self.options
        return Recipe(
            size=options.size,
            fov_mm=None if options.stretch else options.fov_mm,
            window=options.window,
            organ_labels=options.organ_labels,
            tumour_labels=options.tumour_labels,
            voxel_limit=options.voxel_limit,
            organ_segments=options.organ_segments,
            tumour_segments=options.tumour_segments,
        )

    def _with_fov(self, study: Study, problems: dict[str, DataError], reporter: Reporter) -> Recipe:
        """The recipe with a field of view: the one asked for, else the smallest that holds every organ."""
        recipe = self._recipe
        if recipe.fov_mm is not None or self.options.stretch:
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

    def _part(self, case: Case, recipe: Recipe, path: Path) -> Path:
        """Where this case's cube is kept while the cohort is made; any earlier attempt's will do."""
        key = digest([RECIPE_VERSION, asdict(recipe), case.id, self._hashes[case.id]])[:32]
        earlier = path.parent.glob(f"*.parts/{key}.npz")
        return next(earlier, path.with_suffix(".parts") / f"{key}.npz")

    def _header(self, study: Study, recipe: Recipe, notes: tuple[str, ...]) -> CohortHeader:
        low, high = recipe.window
        first = (
            Channel("ct", "gaussian", window=(low, high), unit="HU")
            if study.has_ct
            else Channel("organ", "bernoulli", organ=True)
        )
        fov = recipe.fov_mm
        return CohortHeader(
            dataset="liver",
            title=study.title,
            channels=(first, Channel("tumour", "bernoulli", overlay=True)),
            shape=recipe.size,
            synthetic=study.synthetic,
            spacing_mm=None if fov is None else tuple(e / s for e, s in zip(fov, recipe.size, strict=True)),
            notes=notes,
        )

    def _subjects(self, study: Study, cubes: dict[str, Cube]) -> Subjects:
        good = np.array([case.id in cubes for case in study.cases], dtype=np.bool_)
        rows = study.rows[good]
        clinical, facts = study.clinical, list(cubes.values())
        return Subjects(
            id=clinical.id[rows],
            duration=clinical.duration[rows],
            event=clinical.event[rows],
            truth=None if clinical.truth is None else clinical.truth[rows],
            covariates={name: values[rows] for name, values in clinical.covariates.items()},
            measures={
                "organ_ml": np.array([cube.organ_ml for cube in facts]),
                "tumour_ml": np.array([cube.tumour_ml for cube in facts]),
                "organ_outside": np.array([cube.outside for cube in facts]),
            },
            affine=np.array([cube.affine for cube in facts]).reshape(-1, 4, 4),
            source=np.array([" ".join(self._hashes[subject]) for subject in clinical.id[rows].tolist()], dtype=np.str_),
        )


def _make_cubes(
    parts: dict[Case, Path], recipe: Recipe, problems: dict[str, DataError], reporter: Reporter
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


def _named(error: DataError, case: Case) -> DataError:
    """The error with the subject's name before it."""
    return DataError(f"{case.id}: {error.message}", where=error.where, expected=error.expected, try_=error.try_)


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
