"""Tables of scores: one row for each model, and the horizons of those that are calibrated."""

from __future__ import annotations

import numpy as np

from survembed.evaluation.score_tables import decision_table, horizon_table, score_table, with_reasons_below
from survembed.evaluation.scores import Calibration, ModelScores, without_scores
from survembed.survival.bootstrap import Metric
from survembed.survival.calibration import CalibrationCurve, DCalibration
from survembed.survival.decision_curve import DecisionCurve


def test_models_without_scores_have_a_reason_and_no_horizons() -> None:
    scores = {name: Metric(0.7, 0.6, 0.8) for name in ("harrell_c", "uno_c", "ibs", "ibs_scaled", "auc_2.5")}
    calibration = Calibration(
        2.5, Metric(1.1), CalibrationCurve(*np.zeros((5, 3))), DCalibration(9.0, 0.00042, np.full(10, 0.1))
    )
    models = [ModelScores("z", "base", scores, calibration=calibration), without_scores("z", "coxph", "singular")]
    columns, rows = score_table(models)
    assert columns == ["model", "Harrell's C", "Uno's C", "IBS", "scaled IBS"]
    assert rows[0] == ["base", *["0.700 (0.600 to 0.800)"] * 4]
    assert rows[1] == ["coxph", *["none: singular"] * 4]
    assert horizon_table(models[1:], "days") is None
    assert horizon_table(models, "days") == (
        ["model", "AUC at 2.5 days", "calibration slope at 2.5 days", "D-calibration p"],
        [["base", "0.700 (0.600 to 0.800)", "1.100", "0.00042"]],
    )


def test_a_missing_score_is_short_with_the_reason_below() -> None:
    rows = [
        ["base", "0.7", 1.5],
        ["coxph", "none: singular matrix", "none: singular matrix"],
        ["rsf", "none: a", "none: b"],
    ]
    columns, shown, reasons = with_reasons_below(["model", "C", "IBS"], rows)
    assert columns == ["model", "C", "IBS"]
    assert shown == [["base", "0.7", 1.5], ["coxph", "none", "none"], ["rsf", "none", "none"]]
    assert reasons == ["coxph: singular matrix", "rsf: a", "rsf: b"]


def test_a_net_benefit_of_nearly_zero_has_no_sign() -> None:
    p = np.array([0.1, 0.2, 0.3, 0.5, 0.7])
    curve = DecisionCurve(100.0, p, np.array([-0.0002, 0.0003, -0.0006, np.nan, -0.2]), -p, p)
    _, rows = decision_table([("coxph", curve)], "days")
    assert rows[0][1:4] == ["0.000", "0.000", "-0.001"]
    assert rows[0][5] == "-0.200"
    assert rows[0][4].startswith("none: the follow-up")
