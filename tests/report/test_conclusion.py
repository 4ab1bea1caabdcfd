"""The sentences at the top of the report say what the numbers say, and no more."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from survembed.evaluation.benchmark_result import Benchmark
from survembed.evaluation.scores import Calibration, ModelScores, without_scores
from survembed.report.conclusion import conclusion_of_run, conclusion_of_sweep
from survembed.survival.bootstrap import Metric
from survembed.survival.calibration import CalibrationCurve, DCalibration
from survembed.survival.kaplan_meier import FollowUp
from survembed.workflows.evaluate import Evaluation

PART = FollowUp(24, 20, 900.0)
GOOD = {
    "harrell_c": Metric(0.75, 0.63, 0.87),
    "ibs": Metric(0.15, 0.1, 0.2),
    "ibs_scaled": Metric(0.2, 0.05, 0.4),
}


def calibration(slope: Metric) -> Calibration:
    return Calibration(730.0, slope, CalibrationCurve(*np.zeros((5, 3))), DCalibration(9.0, 0.5, np.full(10, 0.1)))


def evaluation(*rows: ModelScores) -> Any:
    made = object.__new__(Evaluation)
    for name, value in {"rows": rows, "test": PART, "time_unit": "days"}.items():
        object.__setattr__(made, name, value)
    return made


def sentences(slope: Metric | None = None, synthetic: bool = False, **scores: Metric) -> tuple[str, ...]:
    row = ModelScores("coxvae", "base", {**GOOD, **scores}, calibration=slope and calibration(slope))
    return conclusion_of_run(evaluation(row), synthetic=synthetic)


def test_three_sentences_with_the_numbers() -> None:
    found = sentences(Metric(1.1, 0.8, 1.5), synthetic=True)
    assert found == (
        "On 24 held-out synthetic subjects with 20 events, the run's own head orders the risks with Harrell's C 0.750 "
        "(95 % interval 0.630 to 0.870); the interval is above 0.5, the value of a random order.",
        "Its integrated Brier score is 20.0 % lower than that of the Kaplan–Meier curve (95 % interval of the "
        "reduction 5.0 to 40.0 %): its curves are better than one curve for all.",
        "Its calibration slope at 730 days is 1.100 (95 % interval 0.800 to 1.500); the interval includes 1, so that "
        "no miscalibration is shown.",
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"harrell_c": Metric(0.55, 0.45, 0.65)}, "includes 0.5, so that a random order is not excluded"),
        ({"harrell_c": Metric(0.55, 0.5, 0.65)}, "includes 0.5"),
        ({"harrell_c": Metric(0.35, 0.25, 0.45)}, "worse than a random order"),
        ({"harrell_c": Metric(0.75)}, "without an interval, chance cannot be excluded"),
        ({"ibs_scaled": Metric(0.08, -0.17, 0.3)}, "8.0 % lower than that of the Kaplan–Meier curve"),
        ({"ibs_scaled": Metric(0.08, -0.17, 0.3)}, "better curves than one for all are not shown"),
        ({"ibs_scaled": Metric(-0.2, -0.4, -0.1)}, "20.0 % higher"),
        ({"ibs_scaled": Metric(-0.2, -0.4, -0.1)}, "its curves are worse than one curve for all"),
        ({"ibs_scaled": Metric(0.1)}, "10.0 % lower than that of the Kaplan–Meier curve, without an interval"),
        (
            {"ibs_scaled": Metric(np.nan, reason="no time")},
            "cannot be compared with that of the Kaplan–Meier curve: no",
        ),
        ({"slope": Metric(0.5, 0.2, 0.9)}, "too extreme"),
        ({"slope": Metric(2.0, 1.2, 2.9)}, "too alike"),
        ({"slope": Metric(1.3)}, "1.300, without an interval"),
        ({"slope": Metric(np.nan, reason="too few")}, "could not be examined: too few"),
        ({}, "Its calibration could not be examined."),
    ],
)
def test_no_claim_beyond_the_interval(changes: dict[str, Metric], words: str) -> None:
    found = sentences(**changes)
    assert len(found) == 3
    assert words in " ".join(found)
    others = ["is above 0.5", "are better than one curve", "no miscalibration"]
    fits = "harrell_c" not in changes, "ibs_scaled" not in changes, False
    assert [other in " ".join(found) for other in others] == list(fits)


def test_without_scores() -> None:
    failed = without_scores("vae", "coxph", "singular matrix")
    (only,) = conclusion_of_run(evaluation(failed), synthetic=False)
    assert only == "On 24 held-out subjects with 20 events, coxph on the latents has no score: singular matrix."
    assert conclusion_of_run(evaluation(), synthetic=False) == (
        "No survival model was scored on 24 held-out subjects with 20 events.",
    )


def test_of_a_sweep_others_are_counted() -> None:
    first = ModelScores("coxvae", "base", GOOD)
    cells = [
        replace(first, row=f"m{number}", differences={"harrell_c": Metric(value, low, high)})
        for number, (value, low, high) in enumerate([(0.1, 0.05, 0.2), (-0.1, -0.2, -0.05), (0.1, -0.1, 0.3)])
    ]
    made = object.__new__(Benchmark)
    for name, value in {"cells": (first, *cells), "cohort": PART, "synthetic": False}.items():
        object.__setattr__(made, name, value)
    found = conclusion_of_sweep(made)
    assert len(found) == 3
    assert "coxvae (base) orders the risks" in found[0]
    assert re.search("1 of 3 entries have a higher C and 1 a lower", found[2])
