"""Predictions of many subjects as CSV, one row each."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from survembed.storage.files import write_text
from survembed.survival.kaplan_meier import StepFunction
from survembed.survival.outcome import Float

if TYPE_CHECKING:
    from survembed.workflows.predict import SubjectPrediction

QUARTERS = (0.75, 0.5, 0.25)
"""Levels of the training subjects' own survival curve; predictions are given as numbers at the times of these."""


def last_index_above(curve: StepFunction, times: Float, level: float) -> int:
    """Index of the last of `times` (T,) at which a survival curve is above `level`; 0 if there is none."""
    return max(int(np.searchsorted(times, curve.first_time_at_or_below(level))) - 1, 0)  # NaN is after all times


def save_table(prediction: SubjectPrediction, path: Path) -> Path:
    """Write one row for each subject to `path` as CSV; a median that is not reached is an empty cell.

    S(t), and the cumulative incidence of each competing cause, are at the last times at which the training subjects'
    own curve is above 75, 50 and 25 %.

    Raises
    ------
    DataError
        When the file cannot be written.
    """
    columns, text = _columns(prediction), io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow(_cell(value) for value in row)
    write_text(path, text.getvalue())
    return path


def _columns(prediction: SubjectPrediction) -> dict[str, Any]:
    survival, unit, bound = prediction.survival, prediction.header.time_unit, prediction.bound
    indices = [last_index_above(prediction.cohort_curve, survival.times, level) for level in QUARTERS]
    at = {f"at_{survival.times[index]:g}_{unit}": index for index in indices}
    ends = {"median_low": survival.median_low, "median_high": survival.median_high} if survival.has_interval else {}
    curves = {"survival": survival.value} | {f"incidence_of_{name}": f for name, f in survival.incidence.items()}
    return {
        "id": prediction.labels,
        "log_hazard": prediction.log_hazard,
        "log_hazard_percentile": prediction.percentile,
        "hazard_ratio": np.exp(prediction.log_hazard_ratio),
        f"median_survival_{unit}": survival.median,
        **ends,
        **({} if bound is None else {f"lower_bound_{unit}": bound.time}),
        **{f"{name}_{when}": curve[:, index] for name, curve in curves.items() for when, index in at.items()},
        "far_from_training": np.where(prediction.out_of_distribution.far, "yes", "no"),
    }


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.6g}" if np.isfinite(value) else ""
