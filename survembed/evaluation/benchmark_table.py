"""The rows of Table 1: models of a sweep and the baselines beside them, each predicting subjects it has not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from survembed.cohort.covariates import CovariateEncoder, usable
from survembed.cohort.subjects import Subjects
from survembed.downstream.base import failing_as, fit_downstream
from survembed.errors import DataError, RunError
from survembed.evaluation.pooled_scores import METRICS, FoldPrediction, Positions, Scored, common_grid, pooled_scores
from survembed.evaluation.test_set import BASE
from survembed.progress import Task
from survembed.registry.component import Component
from survembed.runs.embedding import embed
from survembed.runs.jobs.job import Job
from survembed.runs.jobs.sweep import Sweep, row_name
from survembed.runs.run import Run
from survembed.survival.bootstrap import Metric, combine
from survembed.survival.breslow import BreslowBaseline
from survembed.survival.cox_inference import FEWEST_EVENTS
from survembed.survival.kaplan_meier import kaplan_meier_survival
from survembed.survival.outcome import Float, Outcome
from survembed.training.options import SplitOptions
from survembed.training.split import from_ids, split

KAPLAN_MEIER = "Kaplan-Meier"
TUMOUR = "tumour volume"
VOLUMES = "organ + tumour volume"
COVARIATES = "covariates"

BASELINES = (KAPLAN_MEIER, TUMOUR, VOLUMES, COVARIATES)

Place = tuple[int, int]
"""Repeat and fold."""

Features = Callable[[Place, int, Positions], Float]
"""From place, seed and training positions to the features (N, d) of all subjects."""


@dataclass(frozen=True)
class ScoredCell:
    """A cell of the table before it is compared; the fields are those of `TableCell`."""

    scores: dict[str, Metric]
    replicates: dict[str, list[float]]
    notes: tuple[str, ...]


def names_of_models(trained: Sequence[tuple[str, float | None]]) -> list[str]:
    """The row of each (model, τ): the model's name, with τ where the model comes with several."""
    taus: dict[str, set[float | None]] = {}
    for model, tau in trained:
        taus.setdefault(model, set()).add(tau)
    return [row_name(model, tau if len(taus[model]) > 1 else None) for model, tau in trained]


def with_latents(model: str) -> str:
    """The row of a Cox model on covariates and the latents of the model in row `model`."""
    return f"{COVARIATES} + {model} latents"


class Table:
    """Rows and columns of one cohort, and what they share."""

    def __init__(
        self,
        sweep: Sweep,
        runs: Mapping[Job, Run],
        subjects: Subjects,
        downstream: dict[str, Component],
        n_resamples: int,
        seed: int,
        device: str,
    ) -> None:
        self.sweep, self.runs, self.subjects, self.downstream = sweep, runs, subjects, downstream
        self.seed, self.device = seed, device
        self.outcome = Outcome(subjects.duration, subjects.event)
        self.places: dict[Place, tuple[Positions, Positions]] = {}
        for cell in sorted(sweep.cells, key=lambda cell: cell not in runs):  # what was trained on, where that is known
            place, run = (cell.repeat, cell.fold), runs.get(cell)
            if place not in self.places:
                self.places[place] = _division(cell, run, subjects)
            elif run and not np.array_equal(_division(cell, run, subjects)[1], self.places[place][1]):
                raise RunError(
                    f"run {run.id} was tested on other subjects than the runs beside it",
                    where=str(run.path / "split.json"),
                    expected="one division for one fold",
                    try_="a new folder: --sweep-dir",
                )
        if any(len(test) == 0 for _, test in self.places.values()):
            raise DataError("there is no test part to score", where="split.test", try_="--folds 5")
        self.times = common_grid(self.outcome, list(self.places.values()))
        tested = np.unique(np.concatenate([test for _, test in self.places.values()]))
        self.scored_outcome = Outcome(subjects.duration[tested], subjects.event[tested])
        self.options: dict[str, Any] = {"n_resamples": n_resamples, "seed": seed, "subjects": tested}
        self.models = self._models()
        self.covariates: list[str] = []
        self.null: dict[str, Metric] = {}
        self.embedded: dict[str, tuple[Float, Float | None]] = {}

    def _models(self) -> dict[str, dict[tuple[int, int], dict[int, Run]]]:
        """Finished runs by row, then by (repeat, seed), then by fold; only whole divisions."""
        found: dict[str, dict[tuple[int, int], dict[int, Run]]] = {}
        folds: dict[str, dict[tuple[int, int], set[int]]] = {}
        names = names_of_models([(cell.model, cell.tau) for cell in self.sweep.cells])
        for cell, name in zip(self.sweep.cells, names, strict=True):
            place = (cell.repeat, cell.seed)
            folds.setdefault(name, {}).setdefault(place, set()).add(cell.fold)
            row = found.setdefault(name, {})
            if cell in self.runs:
                row.setdefault(place, {})[cell.fold] = self.runs[cell]
        return {
            name: {place: runs for place, runs in row.items() if set(runs) == folds[name][place]}
            for name, row in found.items()
        }

    def choose_covariates(self, wanted: Sequence[str] | None) -> None:
        """Take covariates into the table."""
        self.covariates = usable(self.subjects.covariates, wanted)

    def n_fits(self) -> int:
        """Survival models to fit, for a progress bar."""
        divisions = sum(len(row) for row in self.models.values()) + 4 * len({repeat for repeat, _ in self.places})
        return divisions * (1 + len(self.downstream))

    def fill(self, task: Task) -> dict[tuple[str, str], ScoredCell]:
        """Every cell of the table, by row and column."""
        cells: dict[tuple[str, str], ScoredCell] = {}
        km = [[self._kaplan_meier(place) for place in self._of(repeat)] for repeat in self._repeats()]
        null = pooled_scores(self.outcome, km, self.times, **self.options)
        self.null = null.metrics
        for name, replicates in self.models.items():
            cells |= self._model_row(name, replicates, task)
        cells[KAPLAN_MEIER, BASE] = self._entry(null)
        for name, features in self._baselines().items():
            cells |= self._feature_row(name, features, [(repeat, self.seed) for repeat in self._repeats()], task)
        if self.covariates:
            best = next(iter(self.models))
            name = with_latents(best)

            def both(place: Place, seed: int, train: Positions) -> Float:
                z = self._latents(self.models[best][place[0], seed][place[1]])[0]
                return np.hstack([self._covariate_features(place, seed, train), z])

            cells |= self._feature_row(name, both, list(self.models[best]), task)
        return cells

    def _repeats(self) -> list[int]:
        return sorted({repeat for repeat, _ in self.places})

    def _of(self, repeat: int) -> list[Place]:
        return [place for place in sorted(self.places) if place[0] == repeat]

    def _kaplan_meier(self, place: Place) -> FoldPrediction:
        train, test = self.places[place]
        known = Outcome(self.outcome.duration[train], self.outcome.event[train])
        survival = kaplan_meier_survival(known, len(test), self.times)
        return FoldPrediction(train, test, np.zeros(len(test)), survival)

    def _baselines(self) -> dict[str, Features]:
        """Rows that need no embedding."""
        found: dict[str, Features] = {}
        for name, wanted in ((TUMOUR, ("tumour_ml",)), (VOLUMES, ("organ_ml", "tumour_ml"))):
            columns = [self.subjects.measures[title] for title in wanted if title in self.subjects.measures]
            if len(columns) == len(wanted) and np.isfinite(columns).all():
                volumes = np.log1p(np.stack(columns, axis=1))  # volumes span orders of magnitude
                found[name] = _same_everywhere(volumes)
        if self.covariates:
            found[COVARIATES] = self._covariate_features
        return found

    def _covariate_features(self, place: Place, seed: int, train: Positions) -> Float:
        columns = self.subjects.covariates
        return CovariateEncoder.fit(columns, self.covariates, train).encode(columns)

    def _latents(self, run: Run) -> tuple[Float, Float | None]:
        """z (N, L) and the run's own log-hazard (N,) of all subjects; read once."""
        if run.id not in self.embedded:
            latents = embed(run, device=self.device)
            self.embedded[run.id] = latents.z.astype(np.float64), latents.log_hazard
        return self.embedded[run.id]

    def _model_row(
        self, name: str, replicates: Mapping[tuple[int, int], Mapping[int, Run]], task: Task
    ) -> dict[tuple[str, str], ScoredCell]:
        made: list[list[FoldPrediction]] = []
        for (repeat, _), runs in replicates.items():
            folds = []
            for fold, run in runs.items():
                hazard = self._latents(run)[1]
                if hazard is not None:
                    folds.append(self._base((repeat, fold), hazard))
            made += [folds] if folds else []
            task.advance()
        cells = {}
        if made:
            cells[name, BASE] = self._entry(pooled_scores(self.outcome, made, self.times, **self.options))

        def latents(place: Place, seed: int, train: Positions) -> Float:
            return self._latents(replicates[place[0], seed][place[1]])[0]

        return cells | self._feature_row(name, latents, list(replicates), task)

    def _base(self, place: Place, hazard: Float) -> FoldPrediction:
        train, test = self.places[place]
        baseline = BreslowBaseline.fit(hazard[train], self.outcome.duration[train], self.outcome.event[train])
        return FoldPrediction(train, test, hazard[test], baseline.survival(hazard[test], self.times))

    def _feature_row(
        self, name: str, features: Features, replicates: Sequence[tuple[int, int]], task: Task
    ) -> dict[tuple[str, str], ScoredCell]:
        cells = {}
        for column, component in self.downstream.items():
            notes = Counter[str]()
            try:
                made = []
                for repeat, seed in replicates:
                    made.append([self._fit(place, seed, features, component, notes) for place in self._of(repeat)])
                    task.advance()
                if not made:
                    raise DataError("no seed has all its folds finished")
                scored = pooled_scores(self.outcome, made, self.times, **self.options)
                cells[name, column] = self._entry(scored, tuple(f"{note} (in {n} fits)" for note, n in notes.items()))
            except DataError as error:
                missing = Metric(np.nan, reason=error.message)
                cells[name, column] = ScoredCell(dict.fromkeys((*METRICS, "ibs_scaled"), missing), {}, (error.message,))
        return cells

    def _fit(
        self, place: Place, seed: int, features: Features, component: Component, notes: Counter[str]
    ) -> FoldPrediction:
        train, test = self.places[place]
        x = features(place, seed, train)
        known = Outcome(self.outcome.duration[train], self.outcome.event[train])
        with failing_as(type(component).__name__):
            fitted = fit_downstream(component.build(seed), x[train], known)
            risk, survival = fitted.risk(x[test]), fitted.survival(x[test], self.times)
        notes.update(f"column {number} left out: {why}" for number, why in fitted.dropped.items())
        notes.update(fitted.notes)
        return FoldPrediction(train, test, risk, survival)

    def _entry(self, scored: Scored, notes: tuple[str, ...] = ()) -> ScoredCell:
        scaled = combine(lambda model, km: 1.0 - model / km, scored.metrics["ibs"], self.null["ibs"])
        alone = {name: [float(value) for value in scored.replicates[name]] for name in ("harrell_c", "ibs")}
        return ScoredCell({**scored.metrics, "ibs_scaled": scaled}, alone, notes)

    def notes(self) -> list[str]:
        """What a reader of the table must know."""
        n_events = int(self.scored_outcome.event.sum())
        found = [f"{key} failed: {reason}" for key, reason in self.sweep.failures().items()]
        missing = [key for key, state in self.sweep.states().items() if state in ("waiting", "running")]
        if missing:
            found.append(f"{len(missing)} run(s) of the sweep are not done yet")
        for (repeat, fold), (train, test) in self.places.items():
            if not self.outcome.event[test].any():
                found.append(f"repeat {repeat}, fold {fold} has no event: it adds no pair to a C-index")
            late = int((self.outcome.duration[test] > self.outcome.duration[train].max()).sum())
            if late:
                found.append(f"repeat {repeat}, fold {fold}: {late} subject(s) outlive the training follow-up")
        if n_events < FEWEST_EVENTS:
            found.append(f"only {n_events} event(s): no interval and no mark of this table can be relied on")
        if not len(self.times):
            found.append("no time lies inside the follow-up of all folds: there is no Brier score")
        return found


def _division(cell: Job, run: Run | None, subjects: Subjects) -> tuple[Positions, Positions]:
    """Positions outside and inside the test part of a cell."""
    parts = from_ids(run.read("split.json"), subjects) if run else split(subjects, SplitOptions(**cell.config["split"]))
    return np.sort(np.concatenate([parts["train"], parts["validation"]])), parts["test"]


def _same_everywhere(values: Float) -> Features:
    return lambda place, seed, train: values
