"""Table 1 of the paper for any cohort, with intervals and baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from survembed.cohort.covariates import usable
from survembed.cohort.subjects import Subjects
from survembed.errors import RunError, UsageError, nearest
from survembed.evaluation.added_value import added_value
from survembed.evaluation.benchmark_result import Benchmark
from survembed.evaluation.benchmark_table import BASELINES, Table, covariates_and_latents, names_of_models
from survembed.evaluation.latent_space import LatentSpace, latent_space
from survembed.evaluation.latent_space_table import mean_latent_spaces
from survembed.evaluation.scores import ModelScores
from survembed.progress import QUIET, Reporter
from survembed.registry.component import Component
from survembed.runs.configuration import TrainConfig
from survembed.runs.embedding import embed, open_cohort
from survembed.runs.jobs.job import model_name
from survembed.runs.jobs.sweep import Sweep
from survembed.survival.bootstrap import N_RESAMPLES, paired_difference
from survembed.survival.kaplan_meier import follow_up
from survembed.workflows.covariates import encoder_of


def check_choices(
    runs: Sequence[TrainConfig],
    subjects: Subjects,
    covariates: Sequence[str] | None = None,
    reference: str | None = None,
) -> None:
    """Check covariates and reference against the rows that a table of these runs will have, before anything is trained.

    Parameters
    ----------
    runs
        Runs of a sweep, from `plan`.
    subjects
        Of its cohort.
    covariates, reference
        As for `benchmark`.

    Raises
    ------
    UsageError
        When a covariate or the reference does not exist.
    """
    usable(subjects.covariates, covariates)
    nobody = np.empty(0, dtype=np.int64)
    everyone = {"train": np.arange(len(subjects)), "validation": nobody, "test": nobody}
    for run in {run.train.covariates: run for run in runs}.values():
        encoder_of(run.train.covariates, subjects, everyone, run.data.component, QUIET)
    if reference is not None:
        names = [model_name(run.model.name, run.train.covariates) for run in runs]
        named = [(name, getattr(run.model.component, "tau", None)) for name, run in zip(names, runs, strict=True)]
        models = list(dict.fromkeys(names_of_models(named)))
        _check_reference(reference, [*models, *BASELINES, covariates_and_latents(models[0])])


def benchmark(
    sweep: Sweep,
    downstream: Sequence[tuple[str, Component]],
    *,
    covariates: Sequence[str] | None = None,
    reference: str | None = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    device: str = "auto",
    reporter: Reporter = QUIET,
) -> Benchmark:
    """Score every model of a sweep and the baselines on the same folds.

    Each survival model is fitted on the development set of a fold and scored on its test set; see `pooled_scores`. A
    seed counts where all folds of a division are finished. Predictions are stored in `predictions.h5` of the sweep.

    Parameters
    ----------
    sweep
        With one finished run or more.
    downstream
        Names and components of the columns beside `base`, the run's own head.
    covariates
        Clinical columns for the rows `covariates` and `covariates + …`; None for all that can be used, () for none.
    reference
        Row to which all others are compared in the same column (in its first, where it lacks that column); the first
        model where None.
    n_resamples, seed
        Of the bootstrap over subjects.

    Raises
    ------
    RunError
        When no run of the sweep is finished.
    UsageError
        When a covariate or the reference does not exist.
    """
    runs = sweep.runs()
    if not runs:
        reasons = list(sweep.failures().values())
        raise RunError(
            f"no run of {sweep.folder.path} is finished" + (f": {reasons[0]}" if reasons else ""),
            where=str(sweep.folder.path),
            try_="survembed sweep",
        )
    with open_cohort(next(iter(runs.values())), reporter) as cohort:
        subjects, header = cohort.subjects, cohort.header
    table = Table(sweep, runs, subjects, dict(downstream), covariates, n_resamples, seed, device, reporter)
    with reporter.task("scoring", table.n_fits(), "fits") as task:
        cells = table.cells(task)
    names = list(dict.fromkeys(cell.row for cell in cells))
    chosen = reference or names[0]
    _check_reference(chosen, names)
    return Benchmark(
        title=header.title,
        synthetic=header.synthetic,
        time_unit=header.time_unit,
        cohort=follow_up(*table.test),
        times=table.predictor.cohort.times,
        seeds=tuple(dict.fromkeys(job.seed for job in sweep.jobs)),
        folds=int(sweep.jobs[0].config["split"]["folds"]),
        repeats=len({job.repeat for job in sweep.jobs}),
        reference=chosen,
        cells=tuple(_with_differences(cells, chosen)),
        notes=tuple(table.notes()),
        latent_spaces=mean_latent_spaces(_latent_spaces(table, device, reporter)),
        added_value=added_value(table, cells),
        counted=header.counted,
    )


def _latent_spaces(table: Table, device: str, reporter: Reporter) -> dict[str, list[LatentSpace]]:
    runs = {
        row: [run for folds in replicates.values() for run in folds.values()]
        for row, replicates in table.models.items()
    }
    spaces: dict[str, list[LatentSpace]] = {row: [] for row in runs}
    with reporter.task("decoding", sum(map(len, runs.values())), "runs") as task:
        for row, of_row in runs.items():
            for run in of_row:
                spaces[row].append(latent_space(run, embed(run, device=device), device=device))
                task.advance()
    return spaces


def _check_reference(reference: str, names: Sequence[str]) -> None:
    if reference not in names:
        close = nearest(reference, names)
        raise UsageError(
            f"no row '{reference}' to compare with",
            where=f"--reference {reference}",
            expected=f"one of {', '.join(names)}",
            try_=f"--reference '{close}'" if close else None,
        )


def _with_differences(cells: Sequence[ModelScores], reference: str) -> list[ModelScores]:
    """The cells with their differences from the reference in the same column, or in its first column."""
    of_reference = {cell.column: cell for cell in cells if cell.row == reference}
    first = next(iter(of_reference.values()))
    compared = []
    for cell in cells:
        other = of_reference.get(cell.column, first).scores
        pairs = {} if cell.row == reference else cell.scores
        differences = {name: paired_difference(metric, other[name]) for name, metric in pairs.items()}
        compared.append(replace(cell, differences=differences))
    return compared
