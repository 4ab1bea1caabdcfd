"""Scores of the models of a run as tables of texts, for the command line and the report."""

from __future__ import annotations

from collections.abc import Sequence

from survembed.evaluation.pooled_scores import METRICS
from survembed.evaluation.scores import ModelScores
from survembed.survival.bootstrap import with_interval

COLUMNS = {**METRICS, "ibs_scaled": "scaled IBS"}

TextTable = tuple[list[str], list[list[str]]]
"""Columns and rows."""


def score_table(models: Sequence[ModelScores]) -> TextTable:
    """The scores of each model, with intervals."""
    rows = [[each.column, *(with_interval(each.scores[name]) for name in COLUMNS)] for each in models]
    return ["model", *COLUMNS.values()], rows


def horizon_table(models: Sequence[ModelScores], time_unit: str) -> TextTable | None:
    """Discrimination at each horizon and calibration at the middle one; None where no model is calibrated."""
    calibrated = [(each, each.calibration) for each in models if each.calibration]
    if not calibrated:
        return None
    first, calibration = calibrated[0]
    names = [name for name in first.scores if name.startswith("auc_")]
    aucs = [f"AUC at {float(name.removeprefix('auc_')):.4g} {time_unit}" for name in names]
    rows = [
        [
            each.column,
            *(with_interval(each.scores[name]) for name in names),
            with_interval(calibration.slope),
            f"{calibration.d_calibration.p_value:.3g}",
        ]
        for each, calibration in calibrated
    ]
    slope = f"calibration slope at {calibration.horizon:.4g} {time_unit}"
    return ["model", *aucs, slope, "D-calibration p"], rows
