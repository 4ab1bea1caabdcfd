"""Another cohort for a trained run: prepared exactly as its own was, embedded, and compared with it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.cohort import Cohort
from survembed.cohort.prepare import prepare
from survembed.cohort.subjects import CohortHeader, Subjects
from survembed.errors import DataError
from survembed.progress import QUIET, Reporter
from survembed.registry.component import Component
from survembed.runs.configuration import read_config
from survembed.runs.embedding import embed_cohort, encoder_of_run, form_of, latents_provenance, open_cohort
from survembed.runs.latents import Latents
from survembed.runs.run import Run

KNOWN_IMAGES = "images.json"
"""File of a run with hashes of the images it was trained on; see `image_hashes`."""
FOLDER = "external"
FEWEST_EVENTS = 2
LISTED = 10

BATCH = 64


@dataclass(frozen=True)
class OtherCohort:
    """Another cohort, embedded by a run.

    Attributes
    ----------
    header
        Of the cohort.
    subjects, latents
        Its table, and its embedding, of which every subject is in the `test` part.
    differences
        Options in which its preparation differs from that of the run's cohort.
    overlap
        Ids of subjects whose image is also in the run's cohort.
    path
        File of the latents, in the run.
    """

    header: CohortHeader
    subjects: Subjects
    latents: Latents
    differences: tuple[str, ...]
    overlap: tuple[str, ...]
    path: Path


def embed_other(
    run: Run,
    component: Component,
    *,
    allow_overlap: bool = False,
    device: str = "auto",
    reporter: Reporter = QUIET,
) -> OtherCohort:
    """Prepare another study as the run's cohort was, and embed it; the latents are stored in the run.

    Parameters
    ----------
    component
        The run's dataset, configured for the other study.
    allow_overlap
        Keep subjects whose image is in the run's cohort.

    Raises
    ------
    DataError
        When the study is not like the run's cohort, has too few events, or shares subjects with it.
    """
    form, config = form_of(run, reporter), read_config(run)
    differences = tuple(_differences(config.data.component, component))
    for difference in differences:
        reporter.say(f"differs from the run's cohort: {difference}")
    with prepare(component, run.dataset, like=form, reporter=reporter) as cohort:
        where = str(getattr(component, "root", None) or cohort.header.title)
        require_like(form.header, cohort.header, where)
        n_events = int(cohort.subjects.event.sum())
        if n_events < FEWEST_EVENTS:
            raise DataError(
                f"{n_events} event among {len(cohort)} subjects: nothing can be estimated",
                where=where,
                expected=f"{FEWEST_EVENTS} events or more",
            )
        overlap = known_subjects(run, cohort, reporter)
        if overlap and not allow_overlap:
            raise DataError(
                f"{len(overlap)} of {len(cohort)} subjects have an image that is also in the cohort of run {run.id}: "
                f"{', '.join(overlap[:LISTED])}{'…' if len(overlap) > LISTED else ''}",
                where=where,
                expected="subjects on which the run was not trained",
                try_="leave them out, or --allow-overlap",
            )
        encoder = encoder_of_run(run)
        for note in encoder.notes(cohort.subjects.covariates) if encoder else ():
            reporter.warn(note)
        path = run.path / FOLDER / f"latents-{cohort.fingerprint[:16]}.h5"
        provenance = latents_provenance(run, cohort.fingerprint)
        part = np.full(len(cohort), "test")
        latents = embed_cohort(run, cohort, path, provenance, part, device=device, reporter=reporter)
        return OtherCohort(cohort.header, cohort.subjects, latents, differences, overlap, path)


def require_like(own: CohortHeader, other: CohortHeader, where: str) -> None:
    """Refuse a cohort whose images or durations the run cannot take.

    Raises
    ------
    DataError
        With the first property that differs.
    """
    pairs: dict[str, tuple[Any, Any, str | None]] = {
        "channels": (_channels(own), _channels(other), None),
        "window of the channels": (_windows(own), _windows(other), "leave out --set data.window"),
        "size": (own.shape, other.shape, "leave out --set data.size"),
        "features": (own.features, other.features, None),
        "voxels in mm": (_spacing(own), _spacing(other), "leave out --set data.fov_mm"),
        "unit of durations": (own.time_unit, other.time_unit, f"give the durations in {own.time_unit}"),
    }
    for name, (wanted, found, remedy) in pairs.items():
        if wanted != found:
            raise DataError(
                f"the {name} of this cohort: {_text(found)}",
                where=where,
                expected=f"{_text(wanted)}, as in the run",
                try_=remedy,
            )


def _channels(header: CohortHeader) -> tuple[str, ...]:
    return tuple(channel.name for channel in header.channels)


def _windows(header: CohortHeader) -> tuple[str, ...]:
    return tuple(f"{low:g} to {high:g} {unit}".strip() for low, high, unit in _limits(header))


def _limits(header: CohortHeader) -> list[tuple[float, float, str]]:
    return [(*channel.window, channel.unit) for channel in header.channels]


def _spacing(header: CohortHeader) -> tuple[float, ...] | None:
    return None if header.spacing_mm is None else tuple(round(edge, 6) for edge in header.spacing_mm)


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) and value else str(value or "none")


def _differences(own: Component, other: Component) -> list[str]:
    one, two = own.model_dump(mode="json"), other.model_dump(mode="json")
    ignored = {"root", "clinical", "skip_bad"}
    return [
        f"{name} {_text(two[name])} (in the run {_text(one.get(name))})"
        for name in two
        if name not in ignored and one.get(name) != two[name]
    ]


def image_hashes(cohort: Cohort) -> NDArray[np.str_]:
    """A hash (n,) of each prepared image; of a row of a table with its outcome, since rows of others may be equal."""
    outcome = np.column_stack([cohort.subjects.duration, cohort.subjects.event]) if len(cohort.shape) == 1 else None
    hashes = []
    for rows in np.array_split(np.arange(len(cohort)), max(1, -(-len(cohort) // BATCH))):
        for row, image in zip(rows, cohort.stored(rows), strict=True):
            content = image.tobytes() + (b"" if outcome is None else outcome[row].tobytes())
            hashes.append(hashlib.sha256(content).hexdigest()[:32])
    return np.array(hashes)


def keep_hashes(run: Run) -> None:
    """Store the hashes of the run's own images, so that another cohort can be compared with it anywhere."""
    with open_cohort(run) as cohort:
        run.write(KNOWN_IMAGES, {"hashes": sorted(image_hashes(cohort).tolist())})


def known_subjects(run: Run, cohort: Cohort, reporter: Reporter) -> tuple[str, ...]:
    """Ids of the subjects of `cohort` whose image is one of the cohort of `run`, also under another id."""
    known: Mapping[str, Any] = {}
    if (run.path / KNOWN_IMAGES).is_file():
        known = run.read(KNOWN_IMAGES)
    else:
        try:
            with open_cohort(run, reporter) as own:
                known = {"hashes": image_hashes(own).tolist()}
        except DataError:
            reporter.warn("subjects of the training cohort cannot be recognised: the run keeps no hashes of its images")
    shared = np.isin(image_hashes(cohort), list(known.get("hashes", [])))
    ids: list[str] = cohort.subjects.id[shared].tolist()
    return tuple(ids)
