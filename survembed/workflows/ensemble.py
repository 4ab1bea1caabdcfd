"""Predictions of several runs for the same new subjects, averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from survembed.errors import UsageError
from survembed.evaluation.survival_band import Survival, first_at_or_below_half
from survembed.progress import QUIET, Reporter
from survembed.runs.run import Run
from survembed.runs.trained_model import TrainedModel
from survembed.survival.outcome import Float
from survembed.workflows.predict import Member, SubjectPrediction, predict


def predict_with_all(
    runs: Sequence[Run],
    files: Mapping[str, Path],
    *,
    label: str | None = None,
    covariates: Sequence[str] = (),
    cause: str | None = None,
    reporter: Reporter = QUIET,
) -> SubjectPrediction:
    """Average the survival functions of two or more runs on one cohort; their spread is shown in place of an interval.

    S(t) is averaged over runs at each time of the first one within the follow-up of all; `low` and `high` are the
    smallest and largest S(t). The spread holds what differs between trainings (seed, split, settings), and not what
    they share, the subjects: it is no interval of known coverage.

    Raises
    ------
    UsageError
        When a run appears twice, or the runs have different cohorts.
    """
    _check(runs)
    predictions = [
        predict(run, files, label=label, covariates=covariates, cause=cause, reporter=reporter) for run in runs
    ]
    trained = [TrainedModel.open(run, reporter=reporter) for run in runs]
    first, times = predictions[0], predictions[0].survival.times
    curves = np.array([model.survival(each.inputs, times) for model, each in zip(trained, predictions, strict=True)])
    known = np.isfinite(curves).all(axis=(0, 1))
    times, curves = times[known], curves[:, :, known]
    incidence = _averaged(
        [model.incidence(each.inputs, times) for model, each in zip(trained, predictions, strict=True)]
    )
    mean, low, high = curves.mean(axis=0), curves.min(axis=0), curves.max(axis=0)
    median, median_low, median_high = (first_at_or_below_half(each, times) for each in (mean, low, high))
    members = tuple(
        Member(run.id, each.percentile, curve) for run, each, curve in zip(runs, predictions, curves, strict=True)
    )
    kind = f"range over {len(runs)} runs: smallest and largest S(t)"
    survival = Survival(times, mean, low, high, median, median_low, median_high, kind, incidence)
    percentile = np.mean([each.percentile for each in predictions], axis=0)
    return replace(first, survival=survival, percentile=percentile, bound=None, members=members)


def _averaged(incidences: Sequence[Mapping[str, Float]]) -> dict[str, Float]:
    """Mean over runs of the incidence of each cause; empty where one of the runs tells no causes apart."""
    if not all(incidences):
        return {}
    return {name: np.mean([each[name] for each in incidences], axis=0) for name in incidences[0]}


def _check(runs: Sequence[Run]) -> None:
    ids = [run.id for run in runs]
    if len(set(ids)) < len(ids):
        raise UsageError("a run is given twice", where=", ".join(ids), expected="different runs")
    cohorts = {run.record["cohort"]["fingerprint"]: run.id for run in reversed(runs)}
    if len(cohorts) > 1:
        raise UsageError(
            f"runs {' and '.join(sorted(cohorts.values()))} were trained on different cohorts",
            where="--run",
            expected="runs on one cohort, such as those of a sweep over seeds",
            try_="--run with runs of one cohort; 'survembed runs' lists them",
        )
