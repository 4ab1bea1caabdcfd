"""Scores of the models of a run as tables of texts, for the command line and the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from survembed.evaluation.pooled_scores import METRICS
from survembed.evaluation.scores import ModelScores
from survembed.survival.bootstrap import with_interval

COLUMNS = {**METRICS, "ibs_scaled": "scaled IBS"}

NONE = "none"

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


def with_reasons_below(columns: list[str], rows: list[list[Any]]) -> tuple[list[str], list[list[Any]], list[str]]:
    """Columns, rows with a plain `none` where a score is missing, and the reasons, one line for each row and reason."""
    mark = f"{NONE}: "
    reasons, shown = [], []
    for row in rows:
        missing = [isinstance(cell, str) and cell.startswith(mark) for cell in row]
        reasons += [
            f"{row[0]}: {cell.removeprefix(mark)}" for cell, is_missing in zip(row, missing, strict=True) if is_missing
        ]
        shown.append([NONE if is_missing else cell for cell, is_missing in zip(row, missing, strict=True)])
    return columns, shown, list(dict.fromkeys(reasons))
