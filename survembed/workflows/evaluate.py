"""Score survival models on the latents of a run: fitted on its development set, scored on its test set."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.groups import require_covariates
from survembed.errors import DataError
from survembed.evaluation.cause_scores import CauseScores, cause_scores
from survembed.evaluation.group_scores import GroupScores, score_groups
from survembed.evaluation.harmonised import combat_features
from survembed.evaluation.latent_space import LatentSpace, latent_space_where_images_are
from survembed.evaluation.prediction_table import check_format, write_table
from survembed.evaluation.predictions import Predictions
from survembed.evaluation.predictor import FeatureMatrix
from survembed.evaluation.scores import ModelScores, Scorer, calibrate, net_benefit, summary, without_scores
from survembed.evaluation.test_set import EvaluationSet
from survembed.progress import QUIET, Reporter
from survembed.registry.component import Component
from survembed.runs.embedding import embed, open_cohort
from survembed.runs.run import Run
from survembed.storage.files import require_writable
from survembed.storage.result import Result, plain
from survembed.survival.bootstrap import Metric
from survembed.survival.concordance import harrell_c
from survembed.survival.kaplan_meier import FollowUp, follow_up
from survembed.survival.outcome import Float

N_RESAMPLES = 500


@dataclass(frozen=True)
class Evaluation(Result):
    """Scores of the survival models of a run.

    Attributes
    ----------
    run, model, title
        Of the run; `title` says whether the data are synthetic.
    train, test
        Subjects, events and median follow-up of development set and test set.
    times
        (T,) grid of the integrated Brier score, in `time_unit`.
    ibs_km
        Integrated Brier score of the Kaplan–Meier null model.
    truth
        Of simulated data: Harrell's C of the true log-hazard, which no model is expected to exceed, and the rank
        correlation of the run's log-hazard with it.
    rows
        One for each survival model; a `column` is `base` for the run's own head, or the name of a downstream model.
    latent_space
        Reconstruction, dimensions and proof of the hazard; None where it is not measured.
    groups
        Scores in groups of the test subjects.
    causes
        Scores of each competing cause, of each model that tells them apart; empty for one kind of event.
    counted
        What `rows`, `groups` and `ibs_km` count as an event of a cohort with competing causes; empty without these.
    """

    format: ClassVar[str] = "survembed-metrics"

    run: str
    model: str
    title: str
    time_unit: str
    train: FollowUp
    test: FollowUp
    times: Float
    ibs_km: Metric
    rows: list[ModelScores]
    truth: dict[str, float] = field(default_factory=dict)
    latent_space: LatentSpace | None = None
    groups: list[GroupScores] = field(default_factory=list)
    causes: list[CauseScores] = field(default_factory=list)
    counted: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        rows = [
            {
                "name": row.column,
                "notes": row.notes,
                "calibration": row.calibration,
                "decision": row.decision,
                **row.scores,
            }
            for row in self.rows
        ]
        return {**super().to_dict(), "train": summary(self.train), "test": summary(self.test), "rows": plain(rows)}


def evaluate(
    run: Run,
    downstream: Sequence[tuple[str, Component]],
    *,
    by: Sequence[str] = (),
    harmonise: str | None = None,
    predictions: Path | None = None,
    horizons: Sequence[float] = (),
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    device: str = "auto",
    reporter: Reporter = QUIET,
) -> Evaluation:
    """Fit each downstream model on the latents of the development set, and score it on the test set.

    Parameters
    ----------
    run
        A finished run with a test set.
    downstream
        Names and components.
    by
        Covariates of the cohort; the scores of each of their groups in the test set follow.
    harmonise
        Covariate that names the centre: each downstream model has a second row, on latents harmonised by ComBat.
    predictions
        File for the predictions behind the scores, `.csv` or `.parquet`; see `prediction_table`.
    horizons
        Times of AUC, calibration and net benefit; by default the quarters of the grid.
    n_resamples, seed
        Of the bootstrap over test subjects; runs on the same subjects are paired where these are equal.

    Returns
    -------
    Evaluation
        Also written to `metrics.json` of the run.

    Raises
    ------
    DataError
        When the run has no test set, or `predictions` cannot be written. A downstream model that cannot be fitted is a
        row with the reason.
    UsageError
        When a covariate does not exist, or the name of `predictions` ends in neither `.csv` nor `.parquet`.
    """
    if predictions:
        check_format(predictions)
        require_writable(predictions)
    latents = embed(run, device=device, reporter=reporter)
    subjects = EvaluationSet.of(run, latents, reporter, horizons)
    covariates: Mapping[str, NDArray[Any]] = {}
    if by or harmonise:
        with open_cohort(run, reporter) as whole:
            covariates = whole.subjects.covariates
    features = _harmonised(subjects, harmonise, covariates) if harmonise else None
    evaluation, used = score_run(
        subjects, downstream, harmonised=features, n_resamples=n_resamples, seed=seed, reporter=reporter
    )
    if by:
        groups = score_groups(
            by,
            covariates,
            subjects.predictor.cohort,
            used[1:],
            subjects.grid,
            n_resamples=n_resamples,
            seed=seed,
        )
        evaluation = replace(evaluation, groups=groups)
    space = latent_space_where_images_are(run, latents, device=device, reporter=reporter)
    evaluation = replace(evaluation, latent_space=space)
    if predictions:
        write_table(predictions, subjects.predictor.cohort, used)
    evaluation.save(run.path / "metrics.json")
    return evaluation


def _harmonised(subjects: EvaluationSet, name: str, covariates: Mapping[str, NDArray[Any]]) -> FeatureMatrix:
    require_covariates([name], covariates, "--harmonise ")
    latents = subjects.latents
    own = FeatureMatrix.of_latents(subjects.run.model, latents)
    return combat_features(own, latents.z.shape[1], name, covariates[name], ~latents.test)


def score_run(
    subjects: EvaluationSet,
    downstream: Sequence[tuple[str, Component]],
    *,
    harmonised: FeatureMatrix | None = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    reporter: Reporter = QUIET,
) -> tuple[Evaluation, list[Predictions]]:
    """The result of `evaluate` without writing it, and the predictions behind it; parameters as there."""
    null = subjects.kaplan_meier()
    cohort, test = subjects.predictor.cohort, subjects.test
    grid, at = subjects.grid, subjects.horizons
    null_on_grid = [[null.on(grid, cohort.times)]]
    scorer = Scorer(cohort.outcome, grid, null_on_grid, subjects.division.test, n_resamples, seed, at)
    rows, used = [], [null]

    def add(predicted: Predictions) -> None:
        on_grid = [[predicted.on(grid, cohort.times)]]
        row = scorer.score(subjects.run.model, predicted.model, on_grid, predicted.notes)
        is_known = len(cohort.times) > 0 and test.entry is None
        calibration = calibrate(test, predicted.survival, cohort.times, **scorer.options, at=at) if is_known else None
        decision = net_benefit(test, predicted.survival, cohort.times, at) if is_known else None
        scores = {**row.scores, **scorer.auc(predicted)}
        rows.append(replace(row, scores=scores, calibration=calibration, decision=decision))
        used.append(predicted)

    fitted: list[tuple[str, Component, FeatureMatrix | None]] = [(*each, None) for each in downstream]
    if harmonised:
        fitted += [(f"{name}, harmonised", component, harmonised) for name, component in downstream]
    with reporter.task("evaluating", len(fitted) + 1, "models") as task:
        base = subjects.base()
        if base is not None:
            add(base)
        task.advance()
        for name, component, features in fitted:
            try:
                add(subjects.downstream(name, component, seed, features))
            except DataError as error:
                rows.append(without_scores(subjects.run.model, name, error.message))
            task.advance()
    subjects.predictor.save()
    latents = subjects.latents
    evaluation = Evaluation(
        run=subjects.run.id,
        model=subjects.run.model_title,
        title=latents.title,
        time_unit=latents.time_unit,
        train=follow_up(*subjects.development),
        test=follow_up(*test),
        times=grid,
        ibs_km=scorer.ibs_null,
        rows=rows,
        truth=_truth(subjects),
        causes=cause_scores(subjects, used, **scorer.options),
        counted=subjects.header.counted,
    )
    return evaluation, used


def _truth(subjects: EvaluationSet) -> dict[str, float]:
    """Harrell's C of the true log-hazard on the test set, and its rank correlation with that of the run's own head."""
    from scipy.stats import ConstantInputWarning, spearmanr

    latents, rows = subjects.latents, subjects.division.test
    if latents.truth is None:
        return {}
    true = latents.truth[rows]
    values = {"harrell_c": harrell_c(subjects.test, true, n_resamples=0).value}
    if latents.log_hazard is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConstantInputWarning)
            values["rank_correlation"] = float(spearmanr(true, latents.log_hazard[rows]).statistic)
    return {name: value for name, value in values.items() if np.isfinite(value)}
