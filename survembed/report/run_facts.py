"""Statements about a run or a sweep, for the checklist and the model card."""

from __future__ import annotations

from typing import Any

import numpy as np

from survembed.cohort.captions import data_name
from survembed.cohort.subjects import CohortHeader
from survembed.figures.request import FigureRequest
from survembed.report.evidence import (
    external_sentences,
    group_sentences,
    missing_sentence,
    predictors_sentence,
    sample_size_sentence,
)
from survembed.report.facts import Facts
from survembed.report.participants import Flow
from survembed.report.scores import ScoreSection
from survembed.runs.jobs.sweep import Sweep
from survembed.runs.latents import Latents
from survembed.runs.run import Run
from survembed.survival.kaplan_meier import follow_up


def facts_of(
    request: FigureRequest,
    header: CohortHeader,
    latents: Latents,
    followed: Flow,
    scores: ScoreSection,
    participants: dict[str, Any],
) -> Facts:
    """The facts of a run, or of the first run of a sweep."""
    followed_up = follow_up(latents.duration, latents.event)
    run, n = request.runs[0], followed_up.n
    development = ~latents.test
    duration = latents.duration[development]
    record = run.record
    median = "not reached" if np.isnan(followed_up.median) else f"{followed_up.median:.4g} {header.time_unit}"
    channels = ", ".join(channel.name for channel in header.channels)
    size = " × ".join(map(str, header.shape))
    spacing = f" at {header.spacing_mm[0]:.3g} mm" if header.spacing_mm else ""
    table, grid_of = len(header.shape) == 1, "pixels" if len(header.shape) == 2 else "voxels"
    config, models = run.read("config.json"), request.sweep.examples() if request.sweep else {}
    return Facts(
        title=data_name(header.title, header.synthetic),
        synthetic=header.synthetic,
        model=run.model_title,
        head=record["head"] or "",
        dataset=run.dataset,
        n=n,
        n_events=followed_up.n_events,
        follow_up=median,
        division=_division(request, config["split"]),
        inputs=f"{size} columns of a table." if table else f"Images of {size} {grid_of}{spacing}: {channels}.",
        predictors=predictors_sentence(run),
        training=_training(run),
        latent_dim=int(record["latent_dim"]),
        parameters=int(record["parameters"]),
        scores=scores.sentences,
        calibration=scores.calibration,
        columns=tuple(name for name, _ in request.downstream),
        n_left_out=followed.found - n,
        n_resamples=request.n_resamples,
        decodes=run.can("decode"),
        version=str(record["versions"]["survembed"]),
        shown=shown_model(request.sweep) if request.sweep else "",
        models=tuple(_description(name, each) for name, each in models.items()),
        conclusion=scores.conclusion,
        external=external_sentences(run),
        groups=group_sentences(run),
        sample_size=sample_size_sentence(
            len(duration),
            int(latents.event[development].sum()),
            float(duration.sum()),
            float(np.median(duration)),
            int(record["latent_dim"]),
            len((record.get("covariates") or {}).get("encoded", ())),
            int(record["parameters"]),
            header.time_unit,
        ),
        missing=missing_sentence(participants),
    )


def shown_model(sweep: Sweep) -> str:
    """Name of the model of a sweep whose run is in the figures of one run."""
    return next(iter(sweep.examples()))


def _training(run: Run) -> str:
    outcome = run.record["outcome"]
    rule = f": {outcome['rule']}" if "rule" in outcome else ""  # runs of version 0.1.0 did not record it
    initial = run.record.get("init")
    start = (
        f"The weights began as those of run {initial['run']} ({initial['model']} on {initial['dataset']}, sha256 "
        f"{initial['weights'][:16]}) in {len(initial['layers'])} of {len(initial['layers']) + len(initial['left'])} "
        "layers. "
        if initial
        else ""
    )
    return (
        f"{start}Trained for {outcome['updates']} updates ({outcome['end']}); the weights of update "
        f"{outcome['best_update']} were kept{rule}."
    )


def _description(name: str, run: Run) -> str:
    """One model of a sweep, by its first finished run."""
    record = run.record
    head = f"head {record['head']}" if record["head"] else "without a head"
    size = f"{record['latent_dim']} latent dimensions and {record['parameters']:,} parameters"
    return f"{name}: {size}, {head}. First run: {_training(run)}"


def _division(request: FigureRequest, split: dict[str, Any]) -> str:
    if request.sweep and split["folds"]:
        return f"Scored by cross-validation in {split['folds']} folds; the run in the figures held out one of them."
    return "Scored on a held-out part that was not used for training."
