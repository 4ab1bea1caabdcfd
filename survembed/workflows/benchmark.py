"""The paper's Table 1 for any cohort, with intervals and the baselines that a reviewer asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from survembed.bootstrap import N_RESAMPLES, Metric, paired_difference
from survembed.component import Component
from survembed.covariates import usable
from survembed.errors import RunError, UsageError, nearest
from survembed.progress import QUIET, Reporter
from survembed.subjects import Subjects
from survembed.survival import Float, FollowUp, follow_up
from survembed.workflows.embed import open_cohort
from survembed.workflows.held_out import BASE
from survembed.workflows.rows import BASELINES, Entry, Table, names_of_models, with_latents
from survembed.workflows.sweep import Sweep
from survembed.workflows.train import TrainConfig


@dataclass(frozen=True)
class TableCell:
    """One survival model on one set of features.

    Attributes
    ----------
    row, column
        Features and survival model.
    scores
        `harrell_c`, `uno_c`, `ibs`, `ibs_scaled`: means over seeds and divisions, with intervals over subjects.
    differences
        The same minus the reference's, from the paired bootstrap; empty for the reference itself.
    replicates
        Harrell's C and IBS of each seed and division alone.
    notes
        Latents left out, warnings of fits, runs that failed.
    """

    row: str
    column: str
    scores: dict[str, Metric]
    differences: dict[str, Metric]
    replicates: dict[str, list[float]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Benchmark:
    """Table 1.

    Attributes
    ----------
    title, synthetic, time_unit
        Of the cohort.
    cohort
        Subjects, events and median follow-up of all that were scored.
    times
        (T,) grid of the Brier score.
    seeds, folds, repeats
        How often everything was trained.
    reference
        Row with which all others are compared.
    cells
        In the order of the table.
    notes
        What held for all: folds without an event, runs that failed, subjects who outlive the training part.
    """

    title: str
    synthetic: bool
    time_unit: str
    cohort: FollowUp
    times: Float
    seeds: tuple[int, ...]
    folds: int
    repeats: int
    reference: str
    cells: tuple[TableCell, ...]
    notes: tuple[str, ...]

    @property
    def rows(self) -> list[str]:
        """Names of the rows, in order."""
        return list(dict.fromkeys(cell.row for cell in self.cells))

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in order."""
        found = {cell.column for cell in self.cells}
        return [BASE, *sorted(found - {BASE})] if BASE in found else sorted(found)

    def cell(self, row: str, column: str) -> TableCell | None:
        """A cell, where the table has it."""
        return next((cell for cell in self.cells if (cell.row, cell.column) == (row, column)), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        median = None if np.isnan(self.cohort.median) else self.cohort.median
        return {
            "format": "survembed-benchmark",
            "format_version": 1,
            "title": self.title,
            "synthetic": self.synthetic,
            "time_unit": self.time_unit,
            "cohort": {"n": self.cohort.n, "events": self.cohort.n_events, "median_follow_up": median},
            "times": self.times.tolist(),
            "seeds": list(self.seeds),
            "folds": self.folds,
            "repeats": self.repeats,
            "reference": self.reference,
            "notes": list(self.notes),
            "cells": [
                {
                    "row": cell.row,
                    "column": cell.column,
                    "scores": {name: metric.to_dict() for name, metric in cell.scores.items()},
                    "differences": {
                        name: {**metric.to_dict(), "excludes_zero": metric.excludes_zero}
                        for name, metric in cell.differences.items()
                    },
                    "replicates": cell.replicates,
                    "notes": list(cell.notes),
                }
                for cell in self.cells
            ],
        }


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
        models = list(dict.fromkeys(names_of_models([(run.model, getattr(run.network, "tau", None)) for run in runs])))
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


def _with_differences(scored: Mapping[tuple[str, str], Entry], reference: str) -> list[TableCell]:
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
