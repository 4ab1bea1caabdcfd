"""The paper's Table 1 for any cohort, with intervals and the baselines that a reviewer asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from survembed.cohort.covariates import usable
from survembed.cohort.subjects import Subjects
from survembed.errors import RunError, UsageError, nearest
from survembed.evaluation.benchmark_result import Benchmark, TableCell
from survembed.evaluation.benchmark_table import BASELINES, ScoredCell, Table, names_of_models, with_latents
from survembed.progress import QUIET, Reporter
from survembed.registry.component import Component
from survembed.runs.configuration import TrainConfig
from survembed.runs.embedding import open_cohort
from survembed.runs.jobs.sweep import Sweep
from survembed.survival.bootstrap import N_RESAMPLES, paired_difference
from survembed.survival.kaplan_meier import follow_up


def check_choices(
    runs: Sequence[TrainConfig],
    subjects: Subjects,
    covariates: Sequence[str] | None = None,
    reference: str | None = None,
) -> None:
    """Refuse covariates and a reference that the table of these runs cannot have, before anything is trained.

    Parameters
    ----------
    runs
        Those of a sweep, as `plan` gives them.
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
    if reference is not None:
        named = [(run.model.name, getattr(run.model.component, "tau", None)) for run in runs]
        models = list(dict.fromkeys(names_of_models(named)))
        _check_reference(reference, [*models, *BASELINES, with_latents(models[0])])


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
    """Score every model of a sweep beside its baselines, on the same folds.

    Each survival model is fitted on the subjects outside a fold and scored on the fold, as `pooled_scores` says. A seed
    counts where all folds of a division are finished.

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
    table = Table(sweep, runs, subjects, dict(downstream), n_resamples, seed, device)
    table.choose_covariates(covariates)
    with reporter.task("scoring", table.n_fits(), "fits") as task:
        scored = table.fill(task)
    names = list(dict.fromkeys(row for row, _ in scored))
    chosen = reference or names[0]
    _check_reference(chosen, names)
    return Benchmark(
        title=header.title,
        synthetic=header.synthetic,
        time_unit=header.time_unit,
        cohort=follow_up(*table.scored_outcome),
        times=table.times,
        seeds=tuple(dict.fromkeys(cell.seed for cell in sweep.cells)),
        folds=int(sweep.cells[0].config["split"]["folds"]),
        repeats=len({cell.repeat for cell in sweep.cells}),
        reference=chosen,
        cells=tuple(_with_differences(scored, chosen)),
        notes=tuple(table.notes()),
    )


def _check_reference(reference: str, names: Sequence[str]) -> None:
    if reference not in names:
        close = nearest(reference, names)
        raise UsageError(
            f"no row '{reference}' to compare with",
            where=f"--reference {reference}",
            expected=f"one of {', '.join(names)}",
            try_=f"--reference '{close}'" if close else None,
        )


def _with_differences(scored: Mapping[tuple[str, str], ScoredCell], reference: str) -> list[TableCell]:
    of_reference = {column: entry for (row, column), entry in scored.items() if row == reference}
    cells = []
    for (row, column), entry in scored.items():
        other = of_reference.get(column) or next(iter(of_reference.values()))
        differences = (
            {}
            if row == reference
            else {name: paired_difference(metric, other.scores[name]) for name, metric in entry.scores.items()}
        )
        cells.append(TableCell(row, column, entry.scores, differences, entry.replicates, entry.notes))
    return cells
