"""The subject that `explain` starts from: one of the run's cohort, or one of new files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.errors import DataError, UsageError, nearest
from survembed.progress import Reporter
from survembed.runs.embedding import has_latents, no_subjects, open_cohort
from survembed.runs.trained_model import TrainedModel
from survembed.survival.outcome import Float
from survembed.workflows.new_cases import read_new_cases

TRY_FILES = "survembed explain with the files of a scan, as predict takes them (--ct and --mask, --folder, --image)"


@dataclass(frozen=True)
class Start:
    """The subject of a walk.

    Attributes
    ----------
    subject
        Its id.
    z
        (L,) μ.
    image
        (C, *spatial) as the model sees it.
    affine
        (4, 4) from voxel to RAS mm; None without physical space, and for a new subject.
    x
        (P,) encoded covariates in the run's cohort; None for a new subject and without covariates.
    columns
        Clinical columns (1,) that came with the files, by name.
    """

    subject: str
    z: Float
    image: NDArray[np.float32]
    affine: Float | None = None
    x: Float | None = None
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def subject_of_cohort(trained: TrainedModel, subject: str | None, reporter: Reporter) -> Start:
    """A subject of the run's cohort, by its id."""
    run = trained.run
    if not has_latents(run):
        raise no_subjects(run, try_=f"{TRY_FILES}, to explain a scan of your own")
    if subject is None:
        raise UsageError(
            "no subject is named",
            where="survembed explain",
            expected="the id of a subject in the cohort of the run, or the files of a new one",
            try_=f"survembed explain '{trained.latents.id[0]}'",
        )
    position = trained.latents.position(subject)
    with open_cohort(run, reporter) as cohort:
        image, affines = cohort.images([position])[0], cohort.subjects.affine
    return Start(
        subject,
        trained.latents.z[position].astype(np.float64),
        image,
        None if affines is None else affines[position],
        None if trained.latents.x is None else trained.latents.x[position],
    )


def subject_of_files(
    trained: TrainedModel, subject: str | None, files: Mapping[str, Path], reporter: Reporter
) -> Start:
    """A new subject; of several in `files` the one with this id."""
    new = read_new_cases(trained.run, files, reporter)
    for warning in new.warnings:
        reporter.warn(warning)
    row = 0
    if len(new.images) > 1:
        if subject not in new.ids:
            close = nearest(subject or "", new.ids) or next(iter(new.ids), None)
            given = " ".join(f"--{name} {path}" for name, path in files.items())
            raise DataError(
                f"no subject '{subject}'" if subject else f"{len(new.images)} subjects, and none is named",
                where=given,
                expected="the id of one of them",
                try_=f"survembed explain '{close}' {given}" if close else None,
            )
        row = new.ids.index(subject)
    image = new.images[row]
    z = trained.embed(image[None])[0].astype(np.float64)
    columns = {name: values[[row]] for name, values in new.covariates.items()}
    return Start(subject or next(iter(new.ids), "subject"), z, image, columns=columns)
