"""The test part of a run, and what survival models fitted outside it predict there."""

from __future__ import annotations

from dataclasses import dataclass

from survembed.downstream.base import failing_as, fit_downstream
from survembed.errors import DataError
from survembed.registry.component import Component
from survembed.runs.latents import Latents
from survembed.runs.run import Run
from survembed.survival.breslow import BreslowBaseline
from survembed.survival.outcome import Float, Outcome
from survembed.survival.time_grid import time_grid

BASE = "base"
"""Name of the run's own head with a Breslow baseline, beside those of downstream models."""


@dataclass(frozen=True)
class Prediction:
    """What one survival model says of the n subjects of the test part.

    Attributes
    ----------
    name
        `base`, or the downstream model's.
    risk
        (n,) higher = worse.
    survival
        (n, T) predicted S(t) on the grid of `EvaluationSet.times`.
    notes
        Latent dimensions left out, and warnings of the fit.
    """

    name: str
    risk: Float
    survival: Float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class EvaluationSet:
    """The test part of a run.

    Attributes
    ----------
    latents
        Of the whole cohort.
    known, outcome
        Durations and events outside the test part, and in it.
    times
        (T,) grid of the Brier score; empty where there is none.
    """

    latents: Latents
    known: Outcome
    outcome: Outcome
    times: Float

    @classmethod
    def of(cls, run: Run, latents: Latents) -> EvaluationSet:
        """The test part of `run`.

        Raises
        ------
        DataError
            When it has none.
        """
        test = latents.test
        if not test.any():
            raise DataError(
                f"run {run.id} has no test part",
                where=str(run.path / "split.json"),
                expected="subjects held out for evaluation",
                try_="survembed train ... --set split.test=0.2",
            )
        known = Outcome(latents.duration[~test], latents.event[~test])
        outcome = Outcome(latents.duration[test], latents.event[test])
        return cls(latents, known, outcome, time_grid(known, outcome))

    def base(self) -> Prediction | None:
        """By the run's own head; None where it has none."""
        log_hazard, test = self.latents.log_hazard, self.latents.test
        if log_hazard is None:
            return None
        baseline = BreslowBaseline.fit(log_hazard[~test], *self.known)
        return Prediction(BASE, log_hazard[test], baseline.survival(log_hazard[test], self.times))

    def downstream(self, name: str, component: Component, seed: int = 0) -> Prediction:
        """By a downstream model, fitted on the latents outside the test part.

        Raises
        ------
        DataError
            When it cannot be fitted, or fails otherwise.
        """
        z, test = self.latents.z, self.latents.test
        with failing_as(name):
            fitted = fit_downstream(component.build(seed), z[~test], self.known)
            risk, survival = fitted.risk(z[test]), fitted.survival(z[test], self.times)
        dropped = [f"z{dimension} left out: {reason}" for dimension, reason in fitted.dropped.items()]
        return Prediction(name, risk, survival, (*dropped, *fitted.notes))
