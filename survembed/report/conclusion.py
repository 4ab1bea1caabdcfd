"""The three sentences at the top of the report: discrimination, prediction error, and what limits both."""

from __future__ import annotations

import math

from survembed.evaluation.benchmark_result import Benchmark
from survembed.evaluation.predictions import BASE
from survembed.evaluation.scores import ModelScores
from survembed.survival.bootstrap import Metric, with_interval
from survembed.survival.kaplan_meier import FollowUp
from survembed.workflows.evaluate import Evaluation


def conclusion_of_run(evaluation: Evaluation, *, synthetic: bool) -> tuple[str, ...]:
    """Three sentences on the first model of an evaluation; one if it has no scores."""
    if not evaluation.rows:
        return (f"No survival model was scored on {_subjects(evaluation.test, synthetic)}.",)
    row = evaluation.rows[0]
    name = "the run's own head" if row.column == BASE else f"{row.column} on the latents"
    sentences = _of_model(row, name, _subjects(evaluation.test, synthetic))
    return (*sentences, _calibration(row, evaluation.time_unit)) if len(sentences) > 1 else sentences


def conclusion_of_sweep(table: Benchmark) -> tuple[str, ...]:
    """Three sentences on the first entry of Table 1, with which the others are compared; one if it has no scores."""
    first = table.cells[0]
    sentences = _of_model(first, f"{first.row} ({first.column})", _subjects(table.cohort, table.synthetic))
    compared = [cell.differences["harrell_c"] for cell in table.cells if "harrell_c" in cell.differences]
    better, worse = (sum(each.excludes_zero and sign * each.value > 0 for each in compared) for sign in (1, -1))
    others = (
        f"Compared with it in their column, {better} of {len(compared)} entries have a higher C and {worse} a lower, "
        "with an interval of the paired difference that excludes zero (not adjusted for the number of comparisons)."
        if compared
        else "It was not compared with another model."
    )
    return (*sentences, others)


def _subjects(part: FollowUp, synthetic: bool) -> str:
    return f"{part.n} held-out {'synthetic ' if synthetic else ''}subjects with {part.n_events} events"


def _of_model(row: ModelScores, name: str, subjects: str) -> tuple[str, ...]:
    c, scaled = row.scores["harrell_c"], row.scores["ibs_scaled"]
    if not math.isfinite(c.value):
        return (f"On {subjects}, {name} has no score: {c.reason}.",)
    if not math.isfinite(c.low):
        chance = "without an interval, chance cannot be excluded"
    elif c.low > 0.5:
        chance = "the interval is above 0.5, the value of a random order"
    elif c.high < 0.5:
        chance = "the interval is below 0.5, which is worse than a random order"
    else:
        chance = "the interval includes 0.5, so that a random order is not excluded"
    return (f"On {subjects}, {name} orders the risks with Harrell's C {_ci(c)}; {chance}.", _error(scaled))


def _error(scaled: Metric) -> str:
    if not math.isfinite(scaled.value):
        return f"Its prediction error cannot be compared with that of the Kaplan–Meier curve: {scaled.reason}."
    change = f"{100 * abs(scaled.value):.1f} % {'lower' if scaled.value >= 0 else 'higher'}"
    if not math.isfinite(scaled.low):
        return f"Its integrated Brier score is {change} than that of the Kaplan–Meier curve, without an interval."
    limits = f"95 % interval of the reduction {100 * scaled.low:.1f} to {100 * scaled.high:.1f} %"
    if scaled.low > 0:
        meaning = "its curves are better than one curve for all"
    elif scaled.high < 0:
        meaning = "its curves are worse than one curve for all"
    else:
        meaning = "better curves than one for all are not shown"
    return f"Its integrated Brier score is {change} than that of the Kaplan–Meier curve ({limits}): {meaning}."


def _calibration(row: ModelScores, unit: str) -> str:
    if row.calibration is None:
        return "Its calibration could not be examined."
    slope, at = row.calibration.slope, f"{row.calibration.horizon:.4g} {unit}"
    if not math.isfinite(slope.value):
        return f"Its calibration at {at} could not be examined: {slope.reason}."
    if not math.isfinite(slope.low):
        return f"Its calibration slope at {at} is {_ci(slope)}, without an interval; 1 is right."
    if slope.low <= 1 <= slope.high:
        meaning = "the interval includes 1, so that no miscalibration is shown"
    else:
        meaning = f"predicted risks are too {'extreme' if slope.high < 1 else 'alike'}"
    return f"Its calibration slope at {at} is {_ci(slope)}; {meaning}."


def _ci(metric: Metric) -> str:
    return with_interval(metric).replace("(", "(95 % interval ")
