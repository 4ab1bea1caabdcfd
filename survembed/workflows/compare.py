"""Compare runs: the options that differ, paired scores from stored predictions, and their stored traversals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from survembed.errors import DataError, RunError
from survembed.evaluation.predictions import KAPLAN_MEIER, PredictedCohort, Predictions, read_predictions
from survembed.evaluation.scores import ModelScores, Scorer
from survembed.runs.listing import options_of
from survembed.runs.run import PREDICTIONS, Run
from survembed.storage.files import read_json
from survembed.storage.result import Result
from survembed.survival.bootstrap import N_RESAMPLES, paired_difference

COMPARED = ("harrell_c", "uno_c", "ibs")


@dataclass(frozen=True)
class Comparison(Result):
    """What differs between runs.

    Attributes
    ----------
    runs
        (R,) ids.
    options
        Values of each run, for every option that is not the same in all; None where a run has no such option.
    scores
        One entry for each run and survival model with stored predictions. `row` is the run's id, `column` the model.
        `differences` are the scores minus those of the same model of the first run, on the same subjects and resamples;
        they are empty for the first run, and where the test subjects differ.
    traversals
        (R,) the row along the hazard of the newest stored traversal of each run, as in `traversal.json`; None where
        there is none. Single latent dimensions of two runs have nothing to do with one another.
    pictures
        (R,) path of the picture of that traversal.
    notes
        Why scores or differences are missing.
    """

    format: ClassVar[str] = "survembed-comparison"

    runs: list[str]
    options: dict[str, list[Any]]
    scores: list[ModelScores]
    traversals: list[dict[str, Any] | None]
    pictures: list[Path | None]
    notes: list[str] = field(default_factory=list)


def compare(runs: Sequence[Run], *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> Comparison:
    """Compare two or more runs; nothing is trained, fitted or decoded.

    Parameters
    ----------
    runs
        The first one is the reference of all differences.
    n_resamples, seed
        Of the paired bootstrap over test subjects.
    """
    scores: list[ModelScores] = []
    notes: list[str] = []
    stored: list[tuple[PredictedCohort, list[Predictions]] | None] = []
    for run in runs:
        read = _stored(run)
        stored.append(None if isinstance(read, str) else read)
        if isinstance(read, str):
            notes.append(read)
            continue
        scored = _scores(run, *read, n_resamples, seed)
        reference = stored[0]
        if reference is not None and len(stored) > 1:
            if _same_test(reference, read):
                scored = [_against(each, scores, runs[0].id) for each in scored]
            else:
                notes.append(
                    f"{run.id} was tested on other subjects than {runs[0].id}: there are no paired differences"
                )
        scores += scored
    walks = [_traversal(run) for run in runs]
    return Comparison(
        [run.id for run in runs],
        _differing(runs),
        scores,
        [walk for walk, _ in walks],
        [path for _, path in walks],
        notes,
    )


def _differing(runs: Sequence[Run]) -> dict[str, list[Any]]:
    given = [options_of(run) for run in runs]
    names = dict.fromkeys(name for options in given for name in options)
    rows = {name: [options.get(name) for options in given] for name in names}
    return {name: values for name, values in rows.items() if any(value != values[0] for value in values)}


def _stored(run: Run) -> tuple[PredictedCohort, list[Predictions]] | str:
    """Cohort and predictions of a run, one for each survival model; or why there are none."""
    try:
        cohort, predictions = read_predictions(run.path / PREDICTIONS)
    except (RunError, DataError):
        return f"{run.id} has no stored predictions: survembed evaluate --run {run.id}"
    by_model = {
        each.model: each for each in sorted(predictions, key=lambda each: -each.seed)
    }  # the lowest seed remains
    if KAPLAN_MEIER not in by_model or len(by_model) == 1:
        return f"{run.id} has no stored predictions of a model: survembed evaluate --run {run.id}"
    return cohort, list(by_model.values())


def _scores(
    run: Run, cohort: PredictedCohort, predictions: Sequence[Predictions], n_resamples: int, seed: int
) -> list[ModelScores]:
    null = next(each for each in predictions if each.model == KAPLAN_MEIER)
    scorer = Scorer(cohort.outcome, cohort.times, [[null]], null.division.test, n_resamples, seed)
    models = sorted((each for each in predictions if each is not null), key=lambda each: each.model)
    return [scorer.score(run.id, each.model, [[each]], each.notes) for each in models]


def _same_test(
    one: tuple[PredictedCohort, list[Predictions]], other: tuple[PredictedCohort, list[Predictions]]
) -> bool:
    pairs = [
        (one[0].id, other[0].id),
        (one[0].outcome.duration, other[0].outcome.duration),
        (one[0].outcome.event, other[0].outcome.event),
        (one[1][0].division.test, other[1][0].division.test),
    ]
    return all(np.array_equal(a, b) for a, b in pairs)


def _against(scored: ModelScores, known: Sequence[ModelScores], reference: str) -> ModelScores:
    """`scored` with its differences to the same model of the run `reference`, if that has it."""
    first = next((each for each in known if (each.row, each.column) == (reference, scored.column)), None)
    if first is None:
        return scored
    pairs = {name: paired_difference(scored.scores[name], first.scores[name]) for name in COMPARED}
    return replace(scored, differences=pairs)


def _traversal(run: Run) -> tuple[dict[str, Any] | None, Path | None]:
    """Row along the hazard of the newest stored traversal that has one, and its picture."""
    files = sorted(run.path.glob("traversal/*/traversal.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files:
        try:
            row = next((row for row in read_json(path)["rows"] if row["name"] == "risk"), None)
        except (DataError, KeyError, TypeError):
            continue
        if row is not None:
            picture = path.with_suffix(".png")
            return row, picture if picture.is_file() else None
    return None, None
