"""Record of a training in `run.json`: at its start and at its end."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch

from survembed.cohort.cohort import Cohort
from survembed.evaluation.participants import table_of_parts
from survembed.models.base import Model
from survembed.runs.configuration import TrainConfig
from survembed.runs.run import METRICS, Run
from survembed.training.options import TrainOptions
from survembed.training.processes import launched
from survembed.training.recorder import TrainingOutcome
from survembed.training.split import Parts


def record_of_start(
    config: TrainConfig, cohort: Cohort, parts: Parts, model: Model, n_processes: int
) -> dict[str, Any]:
    """Fields of `run.json` of a training that begins."""
    split = np.full(len(cohort), "validation")
    for name, index in parts.items():
        split[index] = name
    table = table_of_parts(cohort.subjects, split, cohort.header.time_unit)
    return {
        "model": config.model.name,
        "head": config.head.name if config.head else None,
        "dataset": config.data.name,
        "seed": config.seed,
        "abilities": ["decode"] * model.decodes + ["hazard"] * (model.head is not None),
        "latent_dim": model.latent_dim,
        "threads": torch.get_num_threads(),
        "processes": n_processes,
        "launch": launch_id(),
        "loss_weights": model.loss_weights,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "cohort": {
            "fingerprint": cohort.fingerprint,
            "header": cohort.header.to_dict(),
            "subjects": len(cohort),
            "events": int(cohort.subjects.event.sum()),
            "levels": cohort.form.levels,
            "table": table,
        },
    }


def record_end(run: Run, outcome: TrainingOutcome, options: TrainOptions) -> None:
    """Record how the training ended; the checkpoint is removed when there is nothing to resume."""
    if outcome.end == "terminated":
        run.update(status="stopped", outcome=asdict(outcome))
        return
    run.record_hash(*(name for name in ("split.json", METRICS) if (run.path / name).is_file()))
    run.update(
        status="finished",
        finished=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        outcome=asdict(outcome),
        train=options.model_dump(mode="json"),
    )
    if outcome.end != "interrupted":
        run.drop_checkpoint()


def launch_id() -> str | None:
    """torchrun's id of this launch; None without torchrun."""
    return os.environ.get("TORCHELASTIC_RUN_ID") if launched() else None
