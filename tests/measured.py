"""The planted volumes with what a clinic knows beside them: volumes in ml and covariates, some missing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from survembed.cohort.cohort import writing_cohort
from survembed.cohort.subjects import CohortHeader, Subjects
from survembed.progress import Reporter
from survembed.registry.component import option
from tests.planted import SHAPES, Planted, channels_of, planted


class Measured(Planted):
    """Blobs with volumes and covariates."""

    hide_truth: bool = option(True, help="Without the true log-hazard.")
    event_first: int = option(0, help="Only so many of the subjects have their event; 0 for all that do.")

    def build(self) -> Any:
        return MeasuredSource(self)


def measured(options: Measured) -> tuple[np.ndarray, Subjects]:
    images, subjects = planted(options.kind, options.n, options.seed)
    rng = np.random.default_rng(options.seed + 1)
    hidden = np.asarray(subjects.truth) / 2
    age = np.where(rng.random(options.n) < 0.1, np.nan, 60 + 10 * rng.normal(size=options.n))
    event = subjects.event.copy()
    if options.event_first:
        event[np.flatnonzero(event)[options.event_first :]] = False
    return images, replace(
        subjects,
        event=event,
        truth=None if options.hide_truth else subjects.truth,
        measures={"organ_ml": rng.uniform(1000, 2000, options.n), "tumour_ml": np.exp(3 + hidden)},
        covariates={
            "age": age,
            "sex": np.where(rng.random(options.n) < 0.05, "", np.where(rng.random(options.n) < 0.5, "male", "female")),
            "note": np.array([f"free text {row}" for row in range(options.n)]),
            "same": np.ones(options.n),
        },
    )


@dataclass(frozen=True)
class MeasuredSource:
    options: Measured

    def fingerprint(self, reporter: Reporter) -> dict[str, Any]:
        return {"measured": True, **self.options.model_dump(mode="json")}

    def prepare(self, path: Path, fingerprint: str, reporter: Reporter) -> None:
        images, subjects = measured(self.options)
        header = CohortHeader(
            "measured",
            "planted volumes",
            channels_of(self.options.kind),
            SHAPES[self.options.kind],
            dtype="uint8",
            synthetic=True,
            spacing_mm=(10.0, 10.0, 10.0),
        )
        with writing_cohort(path, header, fingerprint) as writer:
            writer.add(images)
            writer.finish(subjects, where="measured")
