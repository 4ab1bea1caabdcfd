"""Scores of the models of a run as tables of texts, for the command line and the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from survembed.evaluation.external import ExternalScores
from survembed.evaluation.group_scores import GroupScores
from survembed.evaluation.pooled_scores import METRICS
from survembed.evaluation.scores import ModelScores
from survembed.survival.bootstrap import with_interval
from survembed.survival.decision_curve import DecisionCurve
from survembed.survival.horizons import horizon_text

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
    aucs = [f"AUC at {horizon_text(float(name.removeprefix('auc_')), time_unit)}" for name in names]
    rows = [
        [
            each.column,
            *(with_interval(each.scores[name]) for name in names),
            with_interval(calibration.slope),
            f"{calibration.d_calibration.p_value:.3g}",
        ]
        for each, calibration in calibrated
    ]
    slope = f"calibration slope at {horizon_text(calibration.horizon, time_unit)}"
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


def external_tables(models: Sequence[ExternalScores], time_unit: str) -> list[TextTable]:
    """Tables of a run on another cohort: scores, calibration, observed and predicted risk, and net benefit."""
    tables = [score_table([each.scores for each in models])]
    columns = ["model", "log(observed / expected)", "slope"]
    rows = [[each.scores.column, with_interval(each.in_the_large), with_interval(each.slope)] for each in models]
    tables.append((columns, rows))
    horizons = horizon_table([each.scores for each in models], time_unit)
    if horizons:
        tables.append(horizons)
    at = [horizon_text(each.horizon, time_unit) for each in models[0].at_horizons]
    if at:
        observed = [f"{each.observed:.3f} ({each.low:.3f} to {each.high:.3f})" for each in models[0].at_horizons]
        predicted = [[each.scores.column, *(f"{one.predicted:.3f}" for one in each.at_horizons)] for each in models]
        tables.append((["risk by", *at], [["observed", *observed], *predicted]))
    curves = [(each.scores.column, each.scores.decision) for each in models if each.scores.decision]
    if curves:
        tables.append(decision_table(curves, time_unit))
    return tables


SHOWN_THRESHOLDS = (0.1, 0.2, 0.3, 0.5, 0.7)


def decision_table(curves: Sequence[tuple[str, DecisionCurve]], time_unit: str) -> TextTable:
    """Net benefit at a few thresholds; treating nobody has 0."""
    first = curves[0][1]
    places = [int(np.abs(first.thresholds - threshold).argmin()) for threshold in SHOWN_THRESHOLDS]
    columns = [f"net benefit, {horizon_text(first.horizon, time_unit)}"]
    columns += [f"treat at risk {first.thresholds[place]:.0%}" for place in places]
    rows = [[name, *(_benefit(curve.net_benefit[place]) for place in places)] for name, curve in curves]
    return columns, [*rows, ["treat all", *(_benefit(first.treat_all[place]) for place in places)]]


def _benefit(value: float) -> str:
    return f"{value:z.3f}" if np.isfinite(value) else f"{NONE}: the follow-up of those above the threshold is too short"


def group_table(groups: Sequence[GroupScores]) -> TextTable:
    """The scores of each group, with its subjects and events."""
    columns = ["group", "model", "subjects", "events", METRICS["harrell_c"], METRICS["ibs"]]
    rows = [
        [
            f"{each.by}: {each.group}",
            each.model,
            str(each.n),
            str(each.n_events),
            *(with_interval(each.scores[name]) for name in ("harrell_c", "ibs")),
        ]
        for each in groups
    ]
    return columns, rows
