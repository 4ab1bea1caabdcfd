"""Predicts test subjects with a run's own head, downstream models and Kaplan–Meier; reuses stored predictions."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from survembed.downstream.base import failing_as, fit_downstream
from survembed.errors import DataError, RunError
from survembed.evaluation.predictions import (
    BASE,
    KAPLAN_MEIER,
    CausePrediction,
    Division,
    PredictedCohort,
    Predictions,
    load_predictions,
    save_predictions,
)
from survembed.progress import QUIET, Reporter
from survembed.registry.component import Component
from survembed.runs.latents import Latents
from survembed.runs.run import Run
from survembed.runs.trained_model import TrainedModel
from survembed.storage.files import digest, sha256
from survembed.survival.kaplan_meier import kaplan_meier_survival
from survembed.survival.outcome import Float


@dataclass(frozen=True)
class FeatureMatrix:
    """Input of survival models for all N subjects of a cohort.

    Attributes
    ----------
    name
        Row of Table 1.
    columns, values
        Names (d,) and values (N, d) float64.
    provenance
        What the values depend on, apart from the cohort and its division.
    notes
        Columns that are left out.
    """

    name: str
    columns: tuple[str, ...]
    values: Float
    provenance: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @classmethod
    def of_latents(cls, name: str, latents: Latents) -> FeatureMatrix:
        """The latents μ of a run, and the encoded covariates of its model where there are any."""
        columns = (*(f"z{dimension}" for dimension in range(latents.z.shape[1])), *latents.x_names)
        return cls(name, columns, latents.inputs, {"weights": latents.provenance["weights"]})


class Fitted(NamedTuple):
    """What a fitted model says of the test subjects; fields as in `Predictions`."""

    risk: Float
    survival: Float
    notes: tuple[str, ...] = ()
    causes: tuple[CausePrediction, ...] = ()


class Predictor:
    """Predictions for the test subjects of one cohort. Each model is fitted once; the file keeps what it predicts.

    Parameters
    ----------
    path
        HDF5 file, in a run or a sweep.
    cohort
        Subjects, outcomes and time grid.
    """

    def __init__(self, path: Path, cohort: PredictedCohort, reporter: Reporter = QUIET) -> None:
        self.path, self.cohort, self._reporter = path, cohort, reporter
        self._stored: dict[tuple[str, str, int, int, int], Predictions] = {}
        self._changed = False
        if path.is_file():
            try:
                self._stored = {each.storage_key: each for each in load_predictions(path, cohort)}
            except RunError as error:
                reporter.warn(f"{error.message}: the models are fitted again")

    def kaplan_meier(self, division: Division) -> Predictions:
        """The null model: the Kaplan–Meier curve of the development set for each test subject, all at equal risk."""

        def fit() -> Fitted:
            n, development = len(division.test), self.cohort.part(division.development)
            return Fitted(np.zeros(n), kaplan_meier_survival(development, n, self.cohort.times))

        return self._predict("none", KAPLAN_MEIER, division, 0, {}, fit)

    def base(self, name: str, run: Run, latents: Latents, division: Division, seed: int) -> Predictions | None:
        """By the run's own head; None where the run has none. `name` is that of the features."""
        hazard = latents.log_hazard
        if hazard is None:
            return None

        def fit() -> Fitted:
            trained, times = TrainedModel.open(run, reporter=self._reporter), self.cohort.times
            inputs = latents.inputs[division.test]
            causes: tuple[CausePrediction, ...] = ()
            if trained.tells_causes:
                incidence, risks = trained.incidence(inputs, times), trained.cause_log_hazards(inputs).T
                causes = tuple(map(CausePrediction, incidence, risks, incidence.values()))
            return Fitted(hazard[division.test], trained.survival(inputs, times), causes=causes)

        return self._predict(name, BASE, division, seed, {"weights": latents.provenance["weights"]}, fit)

    def downstream(
        self, features: FeatureMatrix, division: Division, seed: int, name: str, component: Component
    ) -> Predictions:
        """By a downstream model, fitted on the features of the development set.

        Raises
        ------
        DataError
            When it cannot be fitted, or fails otherwise.
        """

        def fit() -> Fitted:
            development, test, values = division.development, division.test, features.values
            with failing_as(name):
                fitted = fit_downstream(component.build(seed), values[development], self.cohort.part(development))
                risk, survival = fitted.risk(values[test]), fitted.survival(values[test], self.cohort.times)
            dropped = [f"{features.columns[column]} left out: {reason}" for column, reason in fitted.dropped.items()]
            return Fitted(risk, survival, (*features.notes, *dropped, *fitted.notes))

        provenance = {**features.provenance, "columns": features.columns, "component": _component(component)}
        return self._predict(features.name, name, division, seed, provenance, fit)

    def stored(self) -> list[Predictions]:
        """All predictions, stored and new."""
        return list(self._stored.values())

    def save(self) -> None:
        """Write new predictions to the file; a folder that cannot be written is a warning."""
        if not self._changed:
            return
        try:
            save_predictions(self.path, self.cohort, self._stored.values())
        except DataError as error:
            self._reporter.warn(f"{error.message}: the models will be fitted again")
        self._changed = False

    def _predict(
        self,
        features: str,
        model: str,
        division: Division,
        seed: int,
        provenance: Mapping[str, Any],
        fit: Callable[[], Fitted],
    ) -> Predictions:
        parts = [division.development.tolist(), division.test.tolist()]
        depends = {**provenance, "parts": digest(parts), "survembed": version("survembed"), "code": _code("survembed")}
        new = Predictions(features, model, division, seed, *(np.empty(0),) * 2, provenance=digest(depends))
        kept = self._stored.get(new.storage_key)
        if kept and kept.provenance == new.provenance:
            return kept
        new = replace(new, **fit()._asdict())
        self._stored[new.storage_key] = new
        self._changed = True
        return new


def _component(component: Component) -> dict[str, Any]:
    """What a component predicts depends on: its options and its code."""
    kind = type(component)
    return {
        "class": f"{kind.__module__}:{kind.__qualname__}",
        "options": component.model_dump(mode="json"),
        "code": _code(kind.__module__.partition(".")[0]),
        "scikit-survival": version("scikit-survival"),
    }


def _code(package: str) -> str:
    """Hash of the Python files of a package; a new one each time where they are unknown, so that nothing is reused."""
    file = getattr(sys.modules[package], "__file__", None)
    return _hash_of_files(Path(file), hasattr(sys.modules[package], "__path__")) if file else secrets.token_hex()


@cache
def _hash_of_files(file: Path, is_package: bool) -> str:
    return digest([sha256(each) for each in (sorted(file.parent.rglob("*.py")) if is_package else [file])])
