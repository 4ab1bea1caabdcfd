"""The development set of a run, as predictions for new subjects need it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from survembed.runs.trained_model import TrainedModel
from survembed.survival.kaplan_meier import StepFunction, kaplan_meier
from survembed.survival.outcome import Float


class DevelopmentSet(NamedTuple):
    """Number of its subjects, their increasing log-hazards (n,) or None, and their Kaplan–Meier curve."""

    n: int
    log_hazards: Float | None
    curve: StepFunction


def development_set(trained: TrainedModel) -> DevelopmentSet:
    """The subjects of a run outside its test set."""
    kept = trained.reference
    if kept:
        own = kept.log_hazards
        if trained.cause:
            assert kept.cause_log_hazards is not None
            own = kept.cause_log_hazards[trained.cause - 1]
        return DevelopmentSet(kept.n, own, StepFunction(kept.km_times, kept.km_survival))
    latents, train = trained.latents, ~trained.latents.test
    hazards = None if latents.log_hazard is None else np.sort(latents.log_hazard[train])
    return DevelopmentSet(int(train.sum()), hazards, kaplan_meier(latents.duration[train], latents.event[train]))
