"""Embed the cohort of a run: latents are stored, and reused while their provenance is unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from survembed.cohort.cohort import Cohort
from survembed.cohort.covariate_encoder import CovariateEncoder
from survembed.cohort.form import CohortForm
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

LATENTS_AT_ONCE = 1024
"""Subjects whose hazards a head predicts at once."""


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
    find_device(device)  # also where nothing is left to compute
    path = run.path / "latents.h5"
    if not has_latents(run):
        raise no_subjects(run)
    run.verify("split.json")  # latents on disk contain the split
    provenance = latents_provenance(run, run.record["cohort"]["fingerprint"])
    stored = _stored(path, provenance, reporter)
    if stored:
        return stored
    with open_cohort(run, reporter) as cohort:
        subjects = cohort.subjects
        part = np.empty(len(cohort), dtype=f"<U{max(map(len, SPLITS))}")
        for name, index in from_ids(run.read("split.json"), subjects).items():
            part[index] = name
        return _embedded(run, cohort, path, provenance, part, device, reporter)


def latents_provenance(run: Run, fingerprint: str) -> dict[str, Any]:
    """What the latents of the cohort with this fingerprint depend on."""
    return {
        "weights": run.weights_hash(),
        "cohort": fingerprint,
        "model": read_config(run).model.to_dict(),
        "format_version": FORMAT_VERSION,
        **({"covariates": encoder.to_dict()} if (encoder := encoder_of_run(run)) else {}),
    }


def embed_cohort(
    run: Run,
    cohort: Cohort,
    path: Path,
    provenance: dict[str, Any],
    part: NDArray[np.str_],
    *,
    device: str = "auto",
    reporter: Reporter = QUIET,
) -> Latents:
    """Latents of any cohort that the run can take, from `path` or computed and written there.

    Parameters
    ----------
    provenance
        From `latents_provenance`.
    part
        (n,) part of the split of each subject.
    """
    stored = _stored(path, provenance, reporter)
    return stored or _embedded(run, cohort, path, provenance, part, device, reporter)


def _embedded(
    run: Run,
    cohort: Cohort,
    path: Path,
    provenance: dict[str, Any],
    part: NDArray[np.str_],
    device: str,
    reporter: Reporter,
) -> Latents:
    latents = _embed(run, cohort, part, load_model(run, device), provenance, device, reporter)
    latents.save(path)
    return latents


def has_latents(run: Run) -> bool:
    """Whether the latents of the run's subjects are there, or can be computed; not of one imported without them."""
    return not run.record.get("without_subjects", False)


def no_subjects(
    run: Run, try_: str = "survembed runs export RUN FILE.zip --with-latents, where it was trained"
) -> RunError:
    """The error of a command that shows single subjects of a run that was imported without them."""
    return RunError(
        f"run {run.id} was imported without its subjects",
        where=str(run.path),
        expected="a run with the latents of its subjects",
        try_=try_,
    )


def form_of(run: Run, reporter: Reporter = QUIET) -> CohortForm:
    """What new subjects need to be prepared like those of the run; its images are not read.

    A run of an earlier version did not record the categories of its columns: its cohort is opened.
    """
    recorded = run.record["cohort"]
    if "levels" not in recorded:
        with open_cohort(run, reporter) as cohort:
            return cohort.form
    levels = {name: tuple(values) for name, values in recorded["levels"].items()}
    return CohortForm(CohortHeader.from_dict(recorded["header"]), levels)


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


def _stored(path: Path, provenance: dict[str, Any], reporter: Reporter) -> Latents | None:
    """Latents in a file, if there is one and they have this provenance."""
    if not path.is_file():
        return None
    try:
        latents = Latents.load(path)
    except RunError as error:
        reporter.warn(f"{error.message}: embedding again")
        return None
    differing = latents.differs_from(provenance)
    if differing:
        reporter.say(f"latents.h5 belongs to another {' and '.join(differing)}: embedding again")
        return None
    return latents


@torch.no_grad()
def _embed(
    run: Run,
    cohort: Cohort,
    part: NDArray[np.str_],
    model: Model,
    provenance: dict[str, Any],
    device: str,
    reporter: Reporter,
) -> Latents:
    mu, logvar = _posterior(model, cohort, device, reporter)
    encoder = encoder_of_run(run)
    x = None if encoder is None else encoder.encode(cohort.subjects.covariates)
    hazard = None
    if model.head is not None:
        at = torch.from_numpy(mu if x is None else np.hstack([mu, x.astype(np.float32)])).to(find_device(device))
        hazard = np.concatenate([model.log_hazard(rows).double().cpu().numpy() for rows in at.split(LATENTS_AT_ONCE)])
    subjects = cohort.subjects
    return Latents(
        z=mu,
        z_logvar=logvar,
        log_hazard=hazard,
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
        x=x,
        x_names=tuple(encoder.names) if encoder else (),
        entry=subjects.entry,
        cause=subjects.cause,
    )


def _posterior(
    model: Model, cohort: Cohort, device: str, reporter: Reporter
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """μ and log σ², each (n, L), of every subject: of its first image, or the mean over its images.

    The mean of the latents of k images has mean Σμ/k and variance Σσ²/k².
    """
    images = Images(cohort, find_device(device), hold=False)
    subject_of, every = cohort.subject_of_image, cohort.header.combine == "mean"
    rows = np.arange(len(subject_of)) if every else np.searchsorted(subject_of, np.arange(len(cohort)))
    mus, variances = [], []
    with reporter.task("embedding", len(rows), "images") as task:
        for index in torch.from_numpy(rows).split(batch_size_without_gradient(images.shape)):
            mu, logvar = model.posterior(images[index])
            mus.append(mu.cpu().numpy())
            if logvar is not None:
                variances.append(logvar.cpu().numpy())
            task.advance(len(index))
    z, z_logvar = np.concatenate(mus), np.concatenate(variances) if variances else None
    if len(rows) == len(cohort):
        return z, z_logvar
    first = np.searchsorted(subject_of, np.arange(len(cohort)))
    k = np.diff(first, append=len(rows))[:, None]
    mean_z = (np.add.reduceat(z.astype(np.float64), first) / k).astype(np.float32)
    if z_logvar is not None:
        z_logvar = np.log(np.add.reduceat(np.exp(z_logvar.astype(np.float64)), first) / k**2).astype(np.float32)
    return mean_z, z_logvar


def build_model(
    model: Chosen,
    head: Chosen | None,
    channels: Sequence[Channel],
    shape: Sequence[int],
    encoder: CovariateEncoder | None = None,
) -> Model:
    """The untrained model for images (n, C, *shape), and for covariates where there is an encoder."""
    built = model.component.build(tuple(channels), tuple(shape), head.component if head else None)
    if not isinstance(built, Model):
        raise UsageError(f"'{model.name}' did not build a model", where=model.name)
    if encoder is None and getattr(model.component, "prior", None) == "conditional":
        raise UsageError(
            "a conditional prior needs covariates",
            where="--prior conditional",
            expected="--covariates with clinical columns",
            try_="--prior conditional --covariates age,sex",
        )
    if encoder:
        built.take_covariates(len(encoder.names))
    return built


def encoder_of_run(run: Run) -> CovariateEncoder | None:
    """The encoder of the covariates in a run's model; None for a model of the images alone.

    Raises
    ------
    RunError
        When its record is damaged.
    """
    record = run.record.get("covariates")
    if record is None:
        return None
    try:
        return CovariateEncoder.from_dict(record)
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"the covariates of run {run.id} are damaged: {error}", where=str(run.path / "run.json"), try_="train again"
        ) from error


def load_model(run: Run, device: str = "cpu") -> Model:
    """The trained model of a finished run, in evaluation mode.

    Raises
    ------
    RunError
        When weights or configuration are damaged.
    """
    config, header = read_config(run), CohortHeader.from_dict(run.record["cohort"]["header"])
    with torch.random.fork_rng():  # the untrained weights are drawn, and then replaced
        model = build_model(config.model, config.head, header.channels, header.shape, encoder_of_run(run))
    run.load_weights(model)
    return model.to(find_device(device))
