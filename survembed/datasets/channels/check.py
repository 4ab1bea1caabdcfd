"""Check of a study of volumes with several channels: read every file like `prepare`, write nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from survembed.cohort.study_check import CaseCheck, StudyCheck
from survembed.datasets.channels.cube import make_cube, open_first
from survembed.datasets.channels.find import ChannelCase
from survembed.datasets.channels.recipe import VolumeRecipe
from survembed.datasets.joining import check_outcomes
from survembed.datasets.scan.orientation import orientation_of
from survembed.datasets.tabular.outcome_check import to_problem
from survembed.datasets.volume.cube import Cube
from survembed.datasets.volume.cubes import map_cases
from survembed.datasets.volume.sanity_checks import duplicates
from survembed.datasets.volume.study import clinical_columns, study_title
from survembed.datasets.volume.thumbnail import THUMBNAIL, thumbnail_png
from survembed.errors import DataError
from survembed.progress import Reporter

if TYPE_CHECKING:
    from survembed.datasets import Volumes


Measure = Callable[[Sequence[ChannelCase], dict[str, DataError], Reporter], tuple[float, str]]
"""Function that chooses the edge of the cube."""


def check_volumes(
    root: Path,
    options: Volumes,
    recipe: VolumeRecipe,
    cases: Sequence[ChannelCase],
    unpaired: Sequence[DataError],
    sentences: tuple[str, ...],
    measure: Measure,
    reporter: Reporter,
) -> StudyCheck:
    """Read all volumes of a study and its clinical table.

    Parameters
    ----------
    unpaired
        Why files form no case.
    sentences
        What is read.
    """
    errors: dict[str, DataError] = {}
    hidden = any(not isinstance(part, Path) for case in cases for _, part in case.images)
    with threadpool_limits(1, user_api="blas"):
        fov_mm, suggested = recipe.fov_mm, None
        if fov_mm is None:
            suggested, _ = measure(cases, errors, reporter)
            fov_mm = (suggested,) * 3
        used = replace(recipe, fov_mm=fov_mm)
        valid = [case for case in cases if case.id not in errors]
        read = map_cases(lambda case: _read(case, used), valid, "Reading volumes", errors, reporter)
    same = duplicates({case.id: (digest,) for case, (_, digest) in read.items()})
    checks = {case.id: check for case, (check, _) in read.items()}
    checks = {
        subject: replace(check, warnings=(*check.warnings, *([same[subject]] if subject in same else [])))
        for subject, check in checks.items()
    }
    checks |= {
        subject: CaseCheck(subject, problem=to_problem(_short(error, subject), hidden))
        for subject, error in errors.items()
    }
    columns = clinical_columns(root, options)
    follow_up, problems, warnings = check_outcomes(root, options.clinical, columns, [case.id for case in cases])
    return StudyCheck(
        title=study_title(root, options),
        synthetic=columns.truth is not None,
        layout="volumes",
        masks=(),
        fov_mm=fov_mm,
        suggested_fov_mm=suggested,
        cases=tuple(checks[case.id] for case in cases),
        follow_up=follow_up,
        problems=(*(to_problem(error, hidden) for error in unpaired), *problems),
        warnings=tuple(warnings),
        contents=sentences,
    )


def _short(error: DataError, subject: str) -> DataError:
    """The error without the subject, which stands before it."""
    return DataError(error.message.removeprefix(f"{subject}: "), where=error.where, try_=error.remedy)


def _read(case: ChannelCase, recipe: VolumeRecipe) -> tuple[CaseCheck, str]:
    """The check of a subject, and a hash of its images."""
    first = open_first(case, recipe)
    cube = make_cube(case, recipe)
    check = CaseCheck(
        case.id,
        shape=first.stored_shape,
        spacing_mm=tuple(float(length) for length in first.spacing_mm.round(4)),
        orientation=orientation_of(first),
        tumour_ml=cube.tumour_ml if any(label.channel.overlay for label in recipe.labels) else None,
        outside=cube.outside if recipe.labels else None,
        warnings=cube.warnings,
        thumbnail=_thumbnail(cube, recipe),
    )
    return check, hashlib.sha256(cube.image[: len(recipe.images)].tobytes()).hexdigest()


def _thumbnail(cube: Cube, recipe: VolumeRecipe) -> bytes:
    """The first image, and over it all lesions, else all labels."""
    channels = recipe.channels(True)
    shown = [at for at, channel in enumerate(channels) if channel.overlay] or range(len(recipe.images), len(channels))
    over = np.max([cube.image[at] for at in shown], axis=0) if len(shown) else np.zeros_like(cube.image[0])
    x, y, z = (np.arange(THUMBNAIL) * size // THUMBNAIL for size in recipe.size)
    return thumbnail_png(np.stack([cube.image[0], over])[:, x[:, None, None], y[:, None], z], np.array(recipe.fov_mm))
