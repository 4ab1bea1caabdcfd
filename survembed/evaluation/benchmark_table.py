"""The cells of Table 1: models of a sweep and baselines, each scored on the test subjects of every fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from survembed.cohort.covariates import usable
from survembed.cohort.subjects import Subjects
from survembed.errors import DataError, RunError
from survembed.evaluation.baselines import (
    COVARIATES,
    TUMOUR,
    VOLUMES,
    covariate_features,
    volume_features,
    with_latents,
)
from survembed.evaluation.pooled_scores import Replicate, common_grid
from survembed.evaluation.predictions import BASE, KAPLAN_MEIER, Division, PredictedCohort
from survembed.evaluation.predictor import FeatureMatrix, Predictor
from survembed.evaluation.scores import ModelScores, Scorer, without_scores
from survembed.progress import QUIET, Reporter, Task
from survembed.registry.component import Component
from survembed.runs.embedding import embed
from survembed.runs.jobs.job import Job
from survembed.runs.jobs.sweep import Sweep, row_name
from survembed.runs.latents import Latents
from survembed.runs.run import PREDICTIONS, Run
from survembed.survival.cox_inference import FEWEST_EVENTS
from survembed.training.options import SplitOptions
from survembed.training.split import from_ids, split

BASELINES = (KAPLAN_MEIER, TUMOUR, VOLUMES, COVARIATES)
NO_SEED = "no seed has all its folds finished"

ReplicateKey = tuple[int, int]
"""Repeat and seed of one replicate of a model."""


def names_of_models(trained: Sequence[tuple[str, float | None]]) -> list[str]:
    """The row of each (model, τ): the model's name, with τ where the model comes with several."""
    taus: dict[str, set[float | None]] = {}
    for model, tau in trained:
        taus.setdefault(model, set()).add(tau)
    return [row_name(model, tau if len(taus[model]) > 1 else None) for model, tau in trained]


def covariates_and_latents(model: str) -> str:
    """The row of a survival model on covariates and the latents of the model in row `model`."""
    return f"{COVARIATES} + {model} latents"


class Table:
    """Rows and columns of Table 1 for one sweep.

    Parameters
    ----------
    sweep, runs
        The sweep and its finished runs.
    subjects
        Of its cohort.
    downstream
        Survival models of the columns beside `base`.
    covariates
        Names of the covariates for the rows that use them; None for all that can be used.
    n_resamples, seed
        Of the bootstrap over subjects.

    Attributes
    ----------
    predicted
        Predictions behind each cell that has scores, by row and column; filled by `cells`.

    Raises
    ------
    RunError
        When runs of one fold have different test subjects.
    DataError
        When there is no test part.
    UsageError
        When a covariate does not exist.
    """

    def __init__(
        self,
        sweep: Sweep,
        runs: Mapping[Job, Run],
        subjects: Subjects,
        downstream: Mapping[str, Component],
        covariates: Sequence[str] | None,
        n_resamples: int,
        seed: int,
        device: str,
        reporter: Reporter = QUIET,
    ) -> None:
        self.sweep, self.subjects, self.downstream = sweep, subjects, downstream
        self.seed, self.device = seed, device
        self.covariates = usable(subjects.covariates, covariates)
        self.divisions = _divisions(sweep, runs, subjects)
        outcome = subjects.outcome
        times = common_grid(outcome, list(self.divisions.values()))
        fingerprint = str(next(iter(runs.values())).record["cohort"]["fingerprint"])
        self.predictor = Predictor(
            sweep.folder.path / PREDICTIONS, PredictedCohort(fingerprint, subjects.id, outcome, times), reporter
        )
        tested = np.unique(np.concatenate([division.test for division in self.divisions.values()]))
        self.test = self.predictor.cohort.part(tested)
        null = [[self.predictor.kaplan_meier(fold) for fold in self._folds(repeat)] for repeat in self._repeats()]
        self.scorer = Scorer(outcome, times, null, tested, n_resamples, seed)
        self._null = null
        self.models = _complete_models(sweep, runs)
        self._embedded: dict[str, Latents] = {}
        self.predicted: dict[tuple[str, str], list[Replicate]] = {}

    def n_fits(self) -> int:
        """Survival models to fit, for a progress bar."""
        replicates = sum(len(row) for row in self.models.values()) + 4 * len(self._repeats())
        return replicates * (1 + len(self.downstream))

    def cells(self, task: Task) -> list[ModelScores]:
        """Every cell of the table, without differences."""
        try:
            return self._cells(task)
        finally:
            self.predictor.save()

    def _cells(self, task: Task) -> list[ModelScores]:
        cells = []
        for name, replicates in self.models.items():
            cells += self._base_cell(name, replicates, task)
            cells += self._downstream_cells(name, self._latent_features(name, name), list(replicates), task)
        cells.append(self._scored(KAPLAN_MEIER, BASE, self._null))
        once = [(repeat, self.seed) for repeat in self._repeats()]
        for name, features in volume_features(self.subjects).items():
            cells += self._downstream_cells(name, _constantly(features), once, task)
        if self.covariates:

            def covariates(division: Division) -> FeatureMatrix:
                return covariate_features(self.subjects, self.covariates, division)

            cells += self._downstream_cells(COVARIATES, lambda division, seed: covariates(division), once, task)
            first = next(iter(self.models))
            name = covariates_and_latents(first)
            latents = self._latent_features(name, first)

            def both(division: Division, seed: int) -> FeatureMatrix:
                return with_latents(name, covariates, division, latents(division, seed))

            cells += self._downstream_cells(name, both, list(self.models[first]), task)
        return cells

    def _repeats(self) -> list[int]:
        return sorted({repeat for repeat, _ in self.divisions})

    def _folds(self, repeat: int) -> list[Division]:
        return [self.divisions[key] for key in sorted(self.divisions) if key[0] == repeat]

    def _latents(self, run: Run) -> Latents:
        if run.id not in self._embedded:
            self._embedded[run.id] = embed(run, device=self.device)
        return self._embedded[run.id]

    def _latent_features(self, name: str, model: str) -> Callable[[Division, int], FeatureMatrix]:
        def features(division: Division, seed: int) -> FeatureMatrix:
            run = self.models[model][division.repeat, seed][division.fold]
            return FeatureMatrix.of_latents(name, self._latents(run))

        return features

    def _base_cell(
        self, name: str, replicates: Mapping[ReplicateKey, Mapping[int, Run]], task: Task
    ) -> list[ModelScores]:
        """The cell of the runs' own heads; none for a model without a head."""
        predicted: list[Replicate] = []
        for (repeat, seed), runs in replicates.items():
            folds = [
                self.predictor.base(name, run, self._latents(run), self.divisions[repeat, fold], seed)
                for fold, run in runs.items()
            ]
            with_head = [each for each in folds if each is not None]
            predicted += [with_head] if with_head else []
            task.advance()
        return [self._scored(name, BASE, predicted)] if predicted else []

    def of_choice(self, name: str, rows: Mapping[tuple[int, int], str]) -> ModelScores:
        """The cell of the own heads of a model that is chosen anew in each fold; after `cells`.

        Parameters
        ----------
        name
            Of the row.
        rows
            Row of the chosen model by repeat and fold.
        """
        tested = [each for (_, column), row in self.predicted.items() if column == BASE for one in row for each in one]
        by_key = {(each.features, each.division.repeat, each.division.fold, each.seed): each for each in tested}
        replicates: list[Replicate] = []
        for repeat in self._repeats():
            folds = [division.fold for division in self._folds(repeat)]
            for seed in sorted({key[-1] for key in by_key if key[1] == repeat}):
                keys = [(rows[repeat, fold], repeat, fold, seed) for fold in folds]
                if all(key in by_key for key in keys):
                    replicates.append([by_key[key] for key in keys])
        return self._scored(name, BASE, replicates) if replicates else without_scores(name, BASE, NO_SEED)

    def _scored(self, row: str, column: str, predicted: Sequence[Replicate], notes: Sequence[str] = ()) -> ModelScores:
        """Scores of a cell; its predictions are kept in `predicted`."""
        self.predicted[row, column] = list(predicted)
        return self.scorer.score(row, column, predicted, notes)

    def _downstream_cells(
        self,
        row: str,
        features: Callable[[Division, int], FeatureMatrix],
        replicates: Sequence[ReplicateKey],
        task: Task,
    ) -> list[ModelScores]:
        """A cell for each downstream model; one that cannot be fitted has the reason in key of scores."""
        cells = []
        for column, component in self.downstream.items():
            predicted: list[Replicate] = []
            try:
                for repeat, seed in replicates:
                    predicted.append(
                        [
                            self.predictor.downstream(features(fold, seed), fold, seed, column, component)
                            for fold in self._folds(repeat)
                        ]
                    )
                    task.advance()
                if not predicted:
                    raise DataError(NO_SEED)
            except DataError as error:
                cells.append(without_scores(row, column, error.message))
                continue
            notes = Counter(note for replicate in predicted for fold in replicate for note in fold.notes)
            texts = [f"{note} (in {n} fits)" for note, n in notes.items()]
            cells.append(self._scored(row, column, predicted, texts))
        return cells

    def notes(self) -> list[str]:
        """Remarks on the whole table."""
        notes = [f"{key} failed: {reason}" for key, reason in self.sweep.failures().items()]
        missing = [key for key, state in self.sweep.states().items() if state in ("waiting", "running")]
        if missing:
            notes.append(f"{len(missing)} run(s) of the sweep are not done yet")
        for (repeat, fold), division in self.divisions.items():
            development, test = (self.predictor.cohort.part(part) for part in (division.development, division.test))
            if not test.event.any():
                notes.append(f"repeat {repeat}, fold {fold} has no event: it adds no pair to a C-index")
            late = int((test.duration > development.duration.max()).sum())
            if late:
                notes.append(f"repeat {repeat}, fold {fold}: {late} subject(s) outlive the training follow-up")
        n_events = int(self.test.event.sum())
        if n_events < FEWEST_EVENTS:
            notes.append(f"only {n_events} event(s): no interval and no mark of this table can be relied on")
        if not len(self.predictor.cohort.times):
            notes.append("no time lies inside the follow-up of all folds: there is no Brier score")
        return notes


def _divisions(sweep: Sweep, runs: Mapping[Job, Run], subjects: Subjects) -> dict[tuple[int, int], Division]:
    """Development and test set of each (repeat, fold), from the runs where there are any."""
    divisions: dict[tuple[int, int], Division] = {}
    for job in sorted(sweep.jobs, key=lambda job: job not in runs):  # split.json of a run goes before the configuration
        key, run = (job.repeat, job.fold), runs.get(job)
        if key not in divisions:
            divisions[key] = _division(job, run, subjects)
        elif run and not np.array_equal(_division(job, run, subjects).test, divisions[key].test):
            raise RunError(
                f"run {run.id} was tested on other subjects than the runs beside it",
                where=str(run.path / "split.json"),
                expected="one division for one fold",
                try_="a new folder: --sweep-dir",
            )
    if any(len(division.test) == 0 for division in divisions.values()):
        raise DataError("there is no test part to score", where="split.test", try_="--folds 5")
    return divisions


def _division(job: Job, run: Run | None, subjects: Subjects) -> Division:
    parts = from_ids(run.read("split.json"), subjects) if run else split(subjects, SplitOptions(**job.config["split"]))
    development = np.sort(np.concatenate([parts["train"], parts["validation"]]))
    return Division(development, parts["test"], job.repeat, job.fold)


def _complete_models(sweep: Sweep, runs: Mapping[Job, Run]) -> dict[str, dict[ReplicateKey, dict[int, Run]]]:
    """Finished runs by row, then by (repeat, seed), then by fold; only where all folds are finished."""
    models: dict[str, dict[ReplicateKey, dict[int, Run]]] = {}
    folds: dict[str, dict[ReplicateKey, set[int]]] = {}
    names = names_of_models([(job.model, job.tau) for job in sweep.jobs])
    for job, name in zip(sweep.jobs, names, strict=True):
        key = (job.repeat, job.seed)
        folds.setdefault(name, {}).setdefault(key, set()).add(job.fold)
        row = models.setdefault(name, {})
        if job in runs:
            row.setdefault(key, {})[job.fold] = runs[job]
    return {
        name: {key: runs for key, runs in row.items() if set(runs) == folds[name][key]} for name, row in models.items()
    }


def _constantly(features: FeatureMatrix) -> Callable[[Division, int], FeatureMatrix]:
    return lambda division, seed: features
