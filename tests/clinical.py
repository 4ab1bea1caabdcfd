"""Planted pictures with planted covariates: log-hazard = image effect · hidden + γ of age and stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from survembed.cohort.cohort import Cohort, writing_cohort
from survembed.cohort.source import NewCases
from survembed.cohort.subjects import CohortHeader, Subjects
from survembed.datasets.digits.new_picture import read_picture
from survembed.progress import Reporter
from survembed.registry.component import Component, option
from tests.packages import add_package
from tests.planted import SHAPES, channels_of

GAMMA_AGE, GAMMA_STAGE = 0.7, -0.5


class Clinical(Component):
    """Blobs and clinical columns that kill."""

    n: int = option(400, ge=2, help="Subjects.")
    seed: int = option(0, ge=0, help="Seed.")
    effect: float = option(1.0, help="Log hazard ratio of a standard deviation of what the image shows.")
    share: float = option(0.0, ge=0, lt=1, help="Share of the variance of what the image shows that is age.")
    missing: float = option(0.0, ge=0, lt=1, help="Share of ages that are missing.")
    allow: tuple[str, ...] = option((), help="Columns that may reveal the outcome.")

    def build(self) -> ClinicalSource:
        return ClinicalSource(self)


def clinical(options: Clinical) -> tuple[np.ndarray, Subjects]:
    rng = np.random.default_rng(options.seed)
    n = options.n
    age, stage = rng.normal(size=n), rng.choice(["II", "I", "III"], size=n, p=[0.5, 0.2, 0.3])
    hidden = np.sqrt(options.share) * age + np.sqrt(1 - options.share) * rng.normal(size=n)
    centre = [(edge - 1) / 2 for edge in SHAPES["image"]]
    distance = np.sqrt(sum((axis - c) ** 2 for axis, c in zip(np.indices(SHAPES["image"]), centre, strict=True)))
    images = 1 / (1 + np.exp(2 * (distance - (2.5 + 0.6 * hidden).reshape(-1, 1, 1))))
    log_hazard = options.effect * hidden + GAMMA_AGE * age + GAMMA_STAGE * (stage == "III")
    life, limit = rng.exponential(300 * np.exp(-log_hazard)), rng.exponential(1500, size=n)
    lost = rng.random(n) < options.missing
    event = life < limit
    subjects = Subjects(
        id=np.array([f"s{row:04d}" for row in range(n)]),
        duration=np.minimum(life, limit),
        event=event,
        truth=log_hazard,
        measures={"hidden": hidden},
        covariates={
            "age": np.where(lost, np.nan, 60 + 10 * age),
            "stage": stage,
            "same": np.ones(n),
            "vital_status": event.astype(np.float64),
            "twin": np.where(event, 1.0, 2.0),
            "note": np.array([f"text {row}" for row in range(n)]),
        },
    )
    return images[:, None].astype(np.float32), subjects


@dataclass(frozen=True)
class ClinicalSource:
    options: Clinical

    def fingerprint(self, reporter: Reporter) -> dict[str, Any]:
        return {"clinical": True, **self.options.model_dump(mode="json")}

    def prepare(self, path: Path, fingerprint: str, reporter: Reporter) -> None:
        images, subjects = clinical(self.options)
        header = CohortHeader(
            "clinical", "synthetic planted picture", channels_of("image"), SHAPES["image"], synthetic=True
        )
        with writing_cohort(path, header, fingerprint) as writer:
            writer.add(images)
            writer.finish(subjects, where="clinical")

    def read_new(self, files: Mapping[str, Path], cohort: Cohort) -> NewCases:
        return read_picture(files, cohort.header)


def install(folder: Path) -> None:
    """A package in `folder` that offers the dataset `clinical`."""
    add_package(folder, "clinical-data", "from tests.clinical import Clinical", {"datasets": {"clinical": "Clinical"}})
