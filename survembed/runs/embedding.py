"""Embed the cohort of a run: latents are stored, and reused while their provenance is unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from survembed.cohort.cohort import Cohort
from survembed.cohort.prepare import cohort_path, prepare
from survembed.cohort.subjects import SPLITS, Channel, CohortHeader
from survembed.errors import RunError, UsageError
from survembed.models.base import Model
from survembed.progress import QUIET, Reporter
from survembed.runs.configuration import Chosen, read_config
from survembed.runs.latents import FORMAT_VERSION, Latents
from survembed.runs.run import Run
from survembed.training.device import find_device
from survembed.training.images import Images
from survembed.training.split import from_ids
from survembed.training.validation import batch_size_without_gradient


def embed(run: Run, *, device: str = "auto", reporter: Reporter = QUIET) -> Latents:
    """The latents of every subject of the run's cohort, from `latents.h5` of the run or computed now.

    Parameters
    ----------
    run
        A finished run.
    device
        Name of the device, as for training.

    Raises
    ------
    RunError
        When the run is damaged, or its data have changed.
    """
    path = run.path / "latents.h5"
    run.verify("split.json")  # latents on disk contain the split
    provenance = {
        "weights": run.weights_hash(),
        "cohort": run.record["cohort"]["fingerprint"],
        "model": read_config(run).model.to_dict(),
        "format_version": FORMAT_VERSION,
    }
    if path.is_file():
        stored = _stored(path, reporter)
        differing = stored.differs_from(provenance) if stored else []
        if stored and not differing:
            return stored
        if differing:
            reporter.say(f"latents.h5 belongs to another {' and '.join(differing)}: embedding again")
    with open_cohort(run, reporter) as cohort:
        latents = _embed(run, cohort, load_model(run, device), provenance, device, reporter)
    latents.save(path)
    return latents


def open_cohort(run: Run, reporter: Reporter = QUIET) -> Cohort:
    """The cohort on which `run` was trained: from the cache, or prepared again from its sources.

    Raises
    ------
    RunError
        When the sources have changed.
    """
    fingerprint = run.record["cohort"]["fingerprint"]
    path = cohort_path(run.dataset, fingerprint)
    if path.is_file():
        return Cohort(path)
    config = read_config(run)
    cohort = prepare(config.data.component, config.data.name, reporter=reporter)
    if cohort.fingerprint != fingerprint:
        cohort.close()
        raise RunError(
            f"the data of run {run.id} have changed since it was trained",
            where=str(run.path / "config.json"),
            expected=f"a cohort with fingerprint {fingerprint[:16]}",
            try_="train again, or restore the old data",
        )
    return cohort


def _stored(path: Path, reporter: Reporter) -> Latents | None:
    try:
        return Latents.load(path)
    except RunError as error:
        reporter.warn(f"{error.message}: embedding again")
        return None


@torch.no_grad()
def _embed(
    run: Run, cohort: Cohort, model: Model, provenance: dict[str, object], device: str, reporter: Reporter
) -> Latents:
    images = Images(cohort, find_device(device), hold=False)
    size = batch_size_without_gradient(len(cohort.shape))
    mus, logvars, hazards = [], [], []
    with reporter.task("embedding", len(cohort), "subjects") as task:
        for index in torch.arange(len(cohort)).split(size):
            mu, logvar = model.posterior(images[index])
            mus.append(mu.cpu().numpy())
            if logvar is not None:
                logvars.append(logvar.cpu().numpy())
            if model.head is not None:
                hazards.append(model.log_hazard(mu).double().cpu().numpy())
            task.advance(len(index))
    subjects = cohort.subjects
    part = np.empty(len(cohort), dtype=f"<U{max(map(len, SPLITS))}")
    for name, index in from_ids(run.read("split.json"), subjects).items():
        part[index] = name
    return Latents(
        z=np.concatenate(mus),
        z_logvar=np.concatenate(logvars) if logvars else None,
        log_hazard=np.concatenate(hazards) if hazards else None,
        id=subjects.id,
        duration=subjects.duration,
        event=subjects.event,
        split=part,
        truth=subjects.truth,
        model=run.model,
        dataset=run.dataset,
        title=cohort.header.title,
        time_unit=cohort.header.time_unit,
        provenance=provenance,
        entry=subjects.entry,
        cause=subjects.cause,
    )


def build_model(model: Chosen, head: Chosen | None, channels: Sequence[Channel], shape: Sequence[int]) -> Model:
    """The untrained model for images (n, C, *shape)."""
    built = model.component.build(tuple(channels), tuple(shape), head.component if head else None)
    if not isinstance(built, Model):
        raise UsageError(f"'{model.name}' did not build a model", where=model.name)
    return built


def load_model(run: Run, device: str = "cpu") -> Model:
    """The trained model of a finished run, in evaluation mode.

    Raises
    ------
    RunError
        When weights or configuration are damaged.
    """
    config, header = read_config(run), CohortHeader.from_dict(run.record["cohort"]["header"])
    model = build_model(config.model, config.head, header.channels, header.shape)
    run.load_weights(model)
    return model.to(find_device(device))
