"""Small networks and studies, trained in a moment."""

from __future__ import annotations

from typing import Any

import torch

from survembed import registry
from survembed.models.base import Batch, Model
from survembed.progress import QUIET, Reporter
from survembed.training.images import Images
from survembed.training.loop import Outcome, Study, fit
from survembed.training.options import TrainOptions
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


def study(kind: str = "image", n: int = 60, validation: int = 20, seed: int = 0) -> Study:
    """The planted subjects, the last ones for validation."""
    images, subjects = planted(kind, n, seed)
    everyone = torch.arange(n)
    return Study(
        Images(images, CPU),
        torch.from_numpy(subjects.duration),
        torch.from_numpy(subjects.event),
        everyone[: n - validation],
        everyone[n - validation :],
    )


def batch(kind: str = "image", n: int = 12, seed: int = 0) -> Batch:
    return study(kind, n, 0, seed).batch(torch.arange(n))


def trained(
    model: Model, data: Study, *, seed: int = 0, reporter: Reporter = QUIET, **options: Any
) -> tuple[Outcome, list[dict[str, Any]]]:
    """Train `model` in place; how it ended, and the rows recorded."""
    rows: list[dict[str, Any]] = []
    recipe = TrainOptions(**{"updates": 20, "batch_size": 16, "validate_every": 5, **options})
    model.fit_input(*data.images.mean_and_deviation(data.train, 16))
    outcome = fit(
        model,
        data,
        recipe.resolved(data.images.dimensions, len(data.train)),
        seed=seed,
        reporter=reporter,
        on_record=rows.append,
        on_best=lambda _: None,
    )
    return outcome, rows
