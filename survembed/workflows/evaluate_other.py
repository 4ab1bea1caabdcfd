"""Score a trained run on another cohort, prepared exactly as its own was; nothing is fitted again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from survembed.downstream.base import failing_as, fit_downstream
from survembed.errors import RunError
from survembed.evaluation.external import External, ExternalModel, ExternalScores, score_external
from survembed.evaluation.group_scores import GroupScores, score_groups
from survembed.evaluation.prediction_table import check_format, write_table
from survembed.evaluation.predictions import BASE, PredictedCohort
from survembed.progress import QUIET, Reporter
from survembed.registry.component import Component
from survembed.runs.embedding import embed
from survembed.runs.other_cohort import FOLDER, OtherCohort, embed_other
from survembed.runs.run import Run
from survembed.runs.trained_model import TrainedModel
from survembed.storage.files import require_writable
from survembed.storage.result import Result, plain
from survembed.survival.bootstrap import Metric
from survembed.survival.horizons import require_within
from survembed.survival.kaplan_meier import FollowUp, follow_up
from survembed.survival.outcome import Float, Outcome
from survembed.workflows.evaluate import N_RESAMPLES


@dataclass(frozen=True)
class ExternalEvaluation(Result):
    """Scores of a run on another cohort.

    Attributes
    ----------
    run, model
        Of the run.
    title, cohort
        Of the other cohort: name, and subjects, events and median follow-up.
    synthetic
        Whether its subjects are simulated.
    differences
        Options in which its preparation differs from that of the run's cohort.
    overlap
        Number of its subjects that are also in the run's cohort; above 0 only if that is allowed.
    times, observed
        Grid of the Brier score, and the Kaplan–Meier curve of the cohort on it.
    ibs_km
        Integrated Brier score of that curve.
    rows
        The run's own head and each downstream model, each followed by its recalibrations.
    groups
        Scores in each group of subjects.
    """

    format: ClassVar[str] = "survembed-external-evaluation"

    run: str
    model: str
    title: str
    synthetic: bool
    time_unit: str
    cohort: FollowUp
    differences: tuple[str, ...]
    overlap: int
    times: Float
    observed: Float
    ibs_km: Metric
    rows: list[ExternalScores]
    groups: list[GroupScores]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**super().to_dict(), "rows": [plain(_row(row)) for row in self.rows]}


def _row(row: ExternalScores) -> dict[str, Any]:
    scores = row.scores
    return {
        "name": scores.column,
        "notes": scores.notes,
        "calibration": scores.calibration,
        **scores.scores,
        "calibration_in_the_large": row.in_the_large,
        "calibration_slope": row.slope,
        "at_horizons": row.at_horizons,
        "mean_survival": row.curve,
        "decision": scores.decision,
    }


def evaluate_other(
    run: Run,
    other: Component,
    downstream: Sequence[tuple[str, Component]] = (),
    *,
    by: Sequence[str] = (),
    horizons: Sequence[float] = (),
    predictions: Path | None = None,
    allow_overlap: bool = False,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    device: str = "auto",
    reporter: Reporter = QUIET,
) -> ExternalEvaluation:
    """Score the run's own head, and downstream models of its development set, on another cohort.

    Parameters
    ----------
    run
        A finished run.
    other
        The run's dataset, configured for the other study.
    downstream
        Models fitted on the latents of the run's development set.
    by
        Covariates of the other cohort; the scores of each of their groups follow.
    horizons
        Times of AUC, calibration and net benefit; by default the quarters of the grid.
    predictions
        File for the predictions, `.csv` or `.parquet`.
    allow_overlap
        Keep subjects whose image is in the run's cohort.

    Returns
    -------
    ExternalEvaluation
        Also written to the folder `external` of the run.

    Raises
    ------
    DataError
        When the other cohort cannot be prepared as the run's was, has too few events or shares subjects with it.
    UsageError
        When a horizon is after the end of a follow-up, or a covariate does not exist.
    RunError
        When the run has neither a head nor its latents.
    """
    if predictions:
        check_format(predictions)
        require_writable(predictions)
    found = embed_other(run, other, allow_overlap=allow_overlap, device=device, reporter=reporter)
    latents = found.latents
    outcome = Outcome(latents.duration, latents.event)
    with reporter.task("predicting", len(downstream) + 1, "models") as task:
        models = [*_own(run, found, device, reporter), *_downstream(run, downstream, found, seed, device, reporter)]
        task.advance(len(downstream) + 1)
    if not models:
        raise RunError(
            f"run {run.id} is a {run.model}, which has no head",
            where=str(run.path),
            expected="a model with a head, or a downstream model",
            try_="--downstream coxph",
        )
    ends = {
        "the run": min(model.last_time for model in models),
        f"'{found.header.title}'": float(outcome.duration.max()),
    }
    require_within(horizons, ends, latents.time_unit)
    cohort = PredictedCohort(latents.provenance["cohort"], latents.id, outcome, np.empty(0))
    scored = score_external(cohort, models, horizons, n_resamples=n_resamples, seed=seed)
    evaluation = _evaluation(run, found, scored)
    if by:
        original = [each for each in scored.predictions if each.model in {model.name for model in models}]
        groups = score_groups(
            by, found.subjects.covariates, scored.cohort, original, scored.grid, n_resamples=n_resamples, seed=seed
        )
        evaluation = replace(evaluation, groups=groups)
    if predictions:
        write_table(predictions, scored.cohort, scored.predictions)
    evaluation.save(run.path / FOLDER / f"metrics-{latents.provenance['cohort'][:16]}.json")
    return evaluation


def _evaluation(run: Run, found: OtherCohort, scored: External) -> ExternalEvaluation:
    latents = found.latents
    return ExternalEvaluation(
        run=run.id,
        model=run.model_title,
        title=found.header.title,
        synthetic=found.header.synthetic,
        time_unit=latents.time_unit,
        cohort=follow_up(latents.duration, latents.event),
        differences=found.differences,
        overlap=len(found.overlap),
        times=scored.grid,
        observed=scored.observed,
        ibs_km=scored.ibs_km,
        rows=scored.rows,
        groups=[],
    )


def _own(run: Run, found: OtherCohort, device: str, reporter: Reporter) -> list[ExternalModel]:
    """The run's own head; none where it has none."""
    inputs, risk = found.latents.inputs, found.latents.log_hazard
    if risk is None:
        return []
    trained = TrainedModel.open(run, device=device, reporter=reporter)
    return [
        ExternalModel(
            run.model,
            BASE,
            run.record["seed"],
            risk,
            is_log_hazard=True,
            survival=lambda rows, times: trained.survival(inputs[rows], times),
            last_time=trained.head.last_time,
        )
    ]


def _downstream(
    run: Run,
    downstream: Sequence[tuple[str, Component]],
    found: OtherCohort,
    seed: int,
    device: str,
    reporter: Reporter,
) -> list[ExternalModel]:
    if not downstream:
        return []
    own, inputs = embed(run, device=device, reporter=reporter), found.latents.inputs
    development = ~own.test
    models = []
    for name, component in downstream:
        with failing_as(name):
            outcome = Outcome(own.duration[development], own.event[development])
            fitted = fit_downstream(component.build(seed), own.inputs[development], outcome)
            models.append(_external(run.model, name, seed, fitted, inputs))
    return models


def _external(features: str, name: str, seed: int, fitted: Any, inputs: Float) -> ExternalModel:
    return ExternalModel(
        features,
        name,
        seed,
        fitted.risk(inputs),
        is_log_hazard=False,
        survival=lambda rows, times: fitted.survival(inputs[rows], times),
        last_time=fitted.last_time,
        notes=fitted.notes,
    )
