"""The test set of one run, and predictions for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from survembed.cohort.subjects import CohortHeader
from survembed.errors import DataError
from survembed.evaluation.pooled_scores import common_grid
from survembed.evaluation.predictions import Division, Positions, PredictedCohort, Predictions
from survembed.evaluation.predictor import FeatureMatrix, Predictor
from survembed.progress import QUIET, Reporter
from survembed.registry.component import Component
from survembed.runs.latents import Latents
from survembed.runs.run import PREDICTIONS, Run
from survembed.survival.competing_risks import CausedOutcome
from survembed.survival.horizons import require_within
from survembed.survival.outcome import Float, Outcome


@dataclass(frozen=True)
class EvaluationSet:
    """The test set of a run: a division with one fold.

    Attributes
    ----------
    run, latents
        The run and the latents of its whole cohort.
    grid
        (G,) grid of the Brier score; empty where there is none.
    horizons
        Times wanted by the user; empty for those of the grid.
    division
        Positions of the development set and the test set.
    predictor
        Makes predictions, or reads them from `predictions.h5` of the run.
    """

    run: Run
    latents: Latents
    division: Division
    predictor: Predictor
    grid: Float
    horizons: tuple[float, ...] = ()

    @classmethod
    def of(
        cls, run: Run, latents: Latents, reporter: Reporter = QUIET, horizons: Sequence[float] = ()
    ) -> EvaluationSet:
        """The test set of `run`; survival functions are predicted on the grid and at `horizons`.

        Raises
        ------
        DataError
            When it has none.
        UsageError
            When a horizon is after the end of the follow-up.
        """
        division = Division(np.flatnonzero(~latents.test), np.flatnonzero(latents.test))
        if not len(division.test):
            raise DataError(
                f"run {run.id} has no test part",
                where=str(run.path / "split.json"),
                expected="subjects held out for evaluation",
                try_="survembed train ... --set split.test=0.2",
            )
        outcome = latents.outcome
        parts = {"the development set": division.development, "the test set": division.test}
        require_within(
            horizons, {name: float(outcome.duration[part].max()) for name, part in parts.items()}, latents.time_unit
        )
        grid = common_grid(outcome, [division])
        cohort = PredictedCohort(latents.provenance["cohort"], latents.id, outcome, np.union1d(grid, horizons))
        return cls(run, latents, division, Predictor(run.path / PREDICTIONS, cohort, reporter), grid, tuple(horizons))

    @property
    def development(self) -> Outcome:
        """Durations and events outside the test set."""
        return self.predictor.cohort.part(self.division.development)

    @property
    def test(self) -> Outcome:
        """Durations and events in the test set."""
        return self.predictor.cohort.part(self.division.test)

    @property
    def header(self) -> CohortHeader:
        """Of the cohort."""
        return CohortHeader.from_dict(self.run.record["cohort"]["header"])

    def caused(self, part: Positions) -> CausedOutcome:
        """Durations and causes of events of the subjects at these positions, of a cohort with competing causes."""
        latents = self.latents
        assert latents.cause is not None
        entry = None if latents.entry is None else latents.entry[part]
        return CausedOutcome(latents.duration[part], latents.cause[part], entry)

    @property
    def times(self) -> Float:
        """(T,) grid of the Brier score and horizons."""
        return self.predictor.cohort.times

    def base(self) -> Predictions | None:
        """By the run's own head; None where it has none."""
        return self.predictor.base(self.run.model, self.run, self.latents, self.division, self.run.record["seed"])

    def downstream(
        self, name: str, component: Component, seed: int = 0, features: FeatureMatrix | None = None
    ) -> Predictions:
        """By a downstream model, fitted on `features` of the development set; by default the latents.

        Raises
        ------
        DataError
            When it cannot be fitted, or fails otherwise.
        """
        features = features or FeatureMatrix.of_latents(self.run.model, self.latents)
        return self.predictor.downstream(features, self.division, seed, name, component)

    def kaplan_meier(self) -> Predictions:
        """By the null model."""
        return self.predictor.kaplan_meier(self.division)
