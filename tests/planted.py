"""A dataset with planted truth, in 1-D, 2-D or 3-D: one hidden number drives the size of a blob and the hazard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.cohort import writing_cohort
from survembed.cohort.subjects import Channel, CohortHeader, Subjects
from survembed.progress import Reporter
from survembed.registry.component import Component, option
from tests.packages import add_package

SHAPES = {"table": (5,), "image": (8, 8), "volume": (6, 7, 8), "petct": (14, 12, 10)}


class Planted(Component):
    """Blobs that kill as they grow."""

    kind: Literal["table", "image", "volume", "petct"] = option("image", help="What an image is.")
    n: int = option(80, ge=2, help="Subjects.")
    seed: int = option(0, ge=0, help="Seed.")
    official: bool = option(False, help="With an official split.")

    def build(self) -> PlantedSource:
        return PlantedSource(self)


@dataclass(frozen=True)
class PlantedSource:
    options: Planted

    def fingerprint(self, reporter: Reporter) -> dict[str, Any]:
        return self.options.model_dump(mode="json")

    def prepare(self, path: Path, fingerprint: str, reporter: Reporter) -> None:
        kind = self.options.kind
        images, subjects = planted(kind, self.options.n, self.options.seed, official=self.options.official)
        header = CohortHeader(
            "planted",
            f"synthetic planted {kind}",
            channels_of(kind),
            SHAPES[kind],
            dtype="float32" if kind == "table" else "uint8",
            synthetic=True,
            spacing_mm=(10.0, 10.0, 10.0) if kind in ("volume", "petct") else None,
            features=tuple("abcde") if kind == "table" else (),
        )
        with writing_cohort(path, header, fingerprint) as writer:
            writer.add(images)
            writer.finish(subjects, where="planted")


def channels_of(kind: str) -> tuple[Channel, ...]:
    if kind == "table":
        return (Channel("table", "gaussian", standardise=True),)
    if kind == "image":
        return (Channel("blob", "bernoulli"),)
    if kind == "petct":
        lesions = (Channel(name, "bernoulli", overlay=True) for name in ("primary", "nodes"))
        pet = Channel("pet", "gaussian", window=(0.0, 20.0), unit="SUV")
        return Channel("ct", "gaussian", window=(-150.0, 250.0), unit="HU"), pet, *lesions
    return Channel("ct", "gaussian", window=(-150.0, 250.0), unit="HU"), Channel("tumour", "bernoulli", overlay=True)


def planted(kind: str, n: int, seed: int = 0, *, official: bool = False) -> tuple[NDArray[np.float32], Subjects]:
    """Images (n, C, *spatial) and subjects whose log-hazard is twice a standard normal number."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=n)
    if kind == "table":
        images = np.array([3.0, -1.0, 0.5, 0.0, 0.0]) * hidden[:, None] + rng.normal(size=(n, 5)) * 0.3
        images = (images + np.array([100, 0, 0, 0, 0]))[:, None]
    else:
        centre = [(edge - 1) / 2 for edge in SHAPES[kind]]
        distance = np.sqrt(sum((axis - c) ** 2 for axis, c in zip(np.indices(SHAPES[kind]), centre, strict=True)))
        blob = 1 / (1 + np.exp(2 * (distance - (2 + 0.6 * hidden).reshape(-1, *[1] * distance.ndim))))
        images = np.stack([blob] if kind == "image" else [0.3 + 0.4 * blob, blob], axis=1)
    if kind == "petct":  # two lesions side by side in an anatomy that every subject shares; the hazard is in the PET
        anatomy = np.broadcast_to(np.indices(SHAPES[kind])[1] / SHAPES[kind][1], blob.shape)
        left = np.indices(SHAPES[kind])[0] < SHAPES[kind][0] // 2
        images = np.stack([anatomy, 0.9 * blob, blob * left, blob * ~left], axis=1)
    life, limit = rng.exponential(300 * np.exp(-2 * hidden)), rng.exponential(1500, size=n)
    subjects = Subjects(
        id=np.array([f"s{row:03d}" for row in range(n)]),
        duration=np.minimum(life, limit),
        event=life < limit,
        split=np.where(np.arange(n) % 4 == 3, "test", "train") if official else None,
        truth=2 * hidden,
    )
    return images.astype(np.float32), subjects


def install(folder: Path) -> None:
    """A package in `folder` that offers the dataset `planted`."""
    add_package(folder, "planted-data", "from tests.planted import Planted", {"datasets": {"planted": "Planted"}})
