"""What the image adds to the clinical covariates: paired scores, likelihood-ratio test, correlation with volumes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from survembed.cohort.covariate_encoder import CovariateEncoder
from survembed.evaluation.added_value_result import (
    JOINT,
    SCORES,
    AddedRow,
    AddedValue,
    LikelihoodRatio,
    VolumeCorrelation,
)
from survembed.evaluation.baselines import COVARIATES, TUMOUR
from survembed.evaluation.benchmark_table import Table, covariates_and_latents
from survembed.evaluation.pooled_scores import Replicate
from survembed.evaluation.predictions import BASE
from survembed.evaluation.scores import ModelScores
from survembed.runs.jobs.job import model_name
from survembed.survival.bootstrap import Metric, paired_difference
from survembed.survival.cox_newton import fit_cox
from survembed.survival.horizons import horizons
from survembed.survival.outcome import Float

MEASURES = {"tumour_ml": "tumour volume", "organ_ml": "organ volume"}
CLINICAL, IMAGE = "clinical", "image"
FEWEST = 10
"""Fewest subjects for a correlation."""


def added_value(table: Table, cells: Sequence[ModelScores]) -> AddedValue | None:
    """What the first image model with a head adds to the covariates of the table.

    Parameters
    ----------
    table
        After `Table.cells`.
    cells
        Its cells. The clinical rows are those of the column `coxph`, or of the first column without it.

    Returns
    -------
    None without covariates, without such a model, or where the clinical model could not be fitted.
    """
    if not table.covariates or not table.downstream:
        return None
    column = "coxph" if "coxph" in table.downstream else next(iter(table.downstream))
    images = [row for row in table.models if (row, BASE) in table.predicted and not row.startswith(f"{COVARIATES} + ")]
    if not images or (COVARIATES, column) not in table.predicted:
        return None
    image, first = images[0], next(iter(table.models))
    wanted = {
        CLINICAL: (COVARIATES, column),
        IMAGE: (image, BASE),
        JOINT: (model_name(image, table.covariates), BASE),
        "clinical + image, latents added": (covariates_and_latents(first), column),
        TUMOUR: (TUMOUR, column),
    }
    rows = _rows({name: key for name, key in wanted.items() if key in table.predicted}, table, cells)
    clinical, risk = table.predicted[COVARIATES, column], table.predicted[image, BASE]
    repeats = sorted({repeat for repeat, _ in table.divisions})
    grid = horizons(table.scorer.times)
    return AddedValue(
        tuple(table.covariates),
        grid[1] if grid else np.nan,
        rows,
        tuple(_test(table, _of_repeat(clinical, repeat), _of_repeat(risk, repeat), repeat) for repeat in repeats),
        _correlations(table, risk),
    )


def _rows(wanted: dict[str, tuple[str, str]], table: Table, cells: Sequence[ModelScores]) -> tuple[AddedRow, ...]:
    by_key = {(cell.row, cell.column): cell for cell in cells}
    scores = {
        name: {**by_key[key].scores, "auc": table.scorer.pooled_auc(table.predicted[key])}
        for name, key in wanted.items()
    }

    def against(name: str, other: str) -> dict[str, Metric]:
        if name == other or other not in scores:
            return {}
        return {score: paired_difference(scores[name][score], scores[other][score]) for score in SCORES}

    return tuple(
        AddedRow(
            name, *key, {score: scores[name][score] for score in SCORES}, against(name, CLINICAL), against(name, IMAGE)
        )
        for name, key in wanted.items()
    )


def _of_repeat(replicates: Sequence[Replicate], repeat: int) -> list[Replicate]:
    return [replicate for replicate in replicates if replicate[0].division.repeat == repeat]


def _test(table: Table, clinical: list[Replicate], image: list[Replicate], repeat: int) -> LikelihoodRatio:
    """Test of the image risk beside the clinical one over all folds of a division."""
    subjects = np.concatenate([fold.division.test for fold in clinical[0]])
    strata = np.concatenate([np.full(len(fold.division.test), number) for number, fold in enumerate(clinical[0])])
    first, second = (_standardised(replicates) for replicates in (clinical, image))
    duration, event = table.subjects.duration[subjects], table.subjects.event[subjects]
    null = fit_cox(first[:, None], duration, event, strata=strata)
    both = fit_cox(np.column_stack([first, second]), duration, event, strata=strata)
    from scipy.stats import chi2

    statistic = max(0.0, 2 * (both.log_likelihood - null.log_likelihood))
    slope, error = both.coefficients[1], both.standard_errors[1]
    ratio, low, high = np.exp(slope + error * np.array([0.0, -1.96, 1.96])).tolist()
    p = float(chi2.sf(statistic, 1))
    return LikelihoodRatio(repeat, statistic, p, ratio, low, high, len(subjects), int(event.sum()))


def _standardised(replicates: list[Replicate]) -> Float:
    """Risks (n,) of the folds in turn, each with mean 0 and deviation 1 in its fold; the mean over replicates."""
    every = []
    for replicate in replicates:
        folds = [fold.risk - fold.risk.mean() for fold in replicate]
        every.append(np.concatenate([risk / (risk.std() or 1.0) for risk in folds]))
    mean: Float = np.mean(every, axis=0)
    return mean


def _correlations(table: Table, image: list[Replicate]) -> tuple[VolumeCorrelation, ...]:
    from scipy.stats import rankdata

    n = len(table.subjects)
    total, count = np.zeros((2, n))
    for fold in (fold for replicate in image for fold in replicate):
        total[fold.division.test] += rankdata(fold.risk) / (len(fold.risk) + 1)
        count[fold.division.test] += 1
    tested = np.flatnonzero(count)
    columns = table.subjects.covariates
    x = CovariateEncoder.fit(columns, table.covariates, tested).encode(columns)
    found = []
    for name, title in MEASURES.items():
        if name not in table.subjects.measures:
            continue
        volume = table.subjects.measures[name]
        rows = tested[np.isfinite(volume[tested])]
        if len(rows) < FEWEST or volume[rows].std() == 0:
            continue
        risk = total[rows] / count[rows]
        rho, partial = (partial_spearman(risk, volume[rows], of) for of in (np.empty((len(rows), 0)), x[rows]))
        found.append(VolumeCorrelation(title, rho, partial, len(rows)))
    return tuple(found)


def partial_spearman(a: Float, b: Float, given: Float) -> Metric:
    """Spearman's ρ of a and b (n,) given the ranks of columns (n, k), with its interval by Fisher's z.

    References
    ----------
    Bonett, Wright, Psychometrika 65 (2000) 23: variance (1 + ρ²/2) / (n − 3 − k) of Fisher's z.
    """
    from scipy.stats import rankdata

    ranks = np.column_stack([rankdata(column) for column in (a, b, *given.T)])
    ranks -= ranks.mean(axis=0)
    if given.shape[1]:
        fitted = ranks[:, 2:] @ np.linalg.lstsq(ranks[:, 2:], ranks[:, :2], rcond=None)[0]
        ranks = ranks[:, :2] - fitted
    lengths = np.linalg.norm(ranks[:, :2], axis=0)
    free = len(a) - 3 - given.shape[1]
    if free < 1 or not lengths.all():
        return Metric(np.nan, reason="too few subjects, or a risk that does not vary")
    rho = float(np.clip(ranks[:, 0] @ ranks[:, 1] / lengths.prod(), -1, 1))
    z, error = np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12)), np.sqrt((1 + rho**2 / 2) / free)
    return Metric(rho, float(np.tanh(z - 1.96 * error)), float(np.tanh(z + 1.96 * error)))
