"""Small networks and studies, trained in a moment."""

from __future__ import annotations

import copy
from typing import Any

import torch

from survembed import registry
from survembed.models.base import Model
from survembed.progress import QUIET, Reporter
from survembed.survival.batch import Batch
from survembed.training.checkpoint import Checkpoint
from survembed.training.images import Images
from survembed.training.loop import fit
from survembed.training.options import TrainOptions
from survembed.training.recorder import NullRecorder, TrainingOutcome
from survembed.training.training_data import TrainingData
from tests.planted import SHAPES, channels_of, planted

SMALL = {"width": 4, "blocks": 2, "latent_dim": 2}
CPU = torch.device("cpu")


def network(name: str, kind: str = "image", head: str | None = "linear", seed: int = 0, **options: Any) -> Model:
    """An untrained model of ours for the images of `planted`."""
    component = registry.load("models", name).configure(name, {**SMALL, **options})
    cox = registry.load("heads", head)() if head and name != "vae" else None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model: Model = component.build(channels_of(kind), SHAPES[kind], cox)
    return model


def study(kind: str = "image", n: int = 60, validation: int = 20, seed: int = 0) -> TrainingData:
    """The planted subjects, the last ones for validation."""
    images, subjects = planted(kind, n, seed)
    everyone = torch.arange(n)
    return TrainingData(
        Images(images, CPU),
        torch.from_numpy(subjects.duration),
        torch.from_numpy(subjects.event),
        everyone[: n - validation],
        everyone[n - validation :],
    )


def batch(kind: str = "image", n: int = 12, seed: int = 0) -> Batch:
    return study(kind, n, 0, seed).batch(torch.arange(n))


class Kept(NullRecorder):
    """A recorder that keeps all in memory."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.best: list[dict[str, torch.Tensor]] = []
        self.checkpoints: list[Checkpoint] = []

    def append_metrics(self, row: dict[str, Any]) -> None:
        self.rows.append(row)

    def save_weights(self, model: Model) -> None:
        self.best.append({name: value.clone() for name, value in model.state_dict().items()})

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        self.checkpoints.append(copy.deepcopy(checkpoint))


def trained(
    model: Model,
    data: TrainingData,
    *,
    seed: int = 0,
    reporter: Reporter = QUIET,
    recorder: Kept | None = None,
    resume: Checkpoint | None = None,
    **options: Any,
) -> tuple[TrainingOutcome, list[dict[str, Any]]]:
    """Train `model` in place; how it ended, and the rows recorded."""
    recorder = recorder or Kept()
    recipe = TrainOptions(**{"updates": 20, "batch_size": 16, "validate_every": 5, **options})
    data.fit_statistics(model, 16)
    outcome = fit(
        model,
        data,
        recipe.resolved(data.images.dimensions, len(data.train)),
        seed=seed,
        reporter=reporter,
        recorder=recorder,
        resume=resume,
    )
    return outcome, recorder.rows
