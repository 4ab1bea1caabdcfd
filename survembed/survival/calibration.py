"""Calibration of predicted survival: D-calibration, and curve and slope at a horizon."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from survembed.survival.bootstrap import N_RESAMPLES, Metric, bootstrap
from survembed.survival.cox_slope import cox_slope
from survembed.survival.kaplan_meier import StepFunction
from survembed.survival.outcome import Float, Outcome
from survembed.survival.risk_groups import GroupCurve, equal_groups, group_curves


class DCalibration(NamedTuple):
    """Result of the D-calibration test.

    Attributes
    ----------
    statistic, p_value
        Pearson's chi-square with n_bins − 1 degrees of freedom; a small p means *not* calibrated.
    share
        (n_bins,) share of subjects in each bin of S(T) from 0 to 1; 1 / n_bins each under calibration.
    """

    statistic: float
    p_value: float
    share: Float


def d_calibration(test: Outcome, survival: Float, times: Float, *, n_bins: int = 10) -> DCalibration:
    """Test whether S(T) of the subjects is uniform on [0, 1], as for a calibrated model.

    Parameters
    ----------
    test
        n subjects. Follow-up beyond ``times[-1]`` counts as censoring there.
    survival, times
        (n, T) predicted S(t) on the grid (T,), interpolated linearly from S(0) = 1 on.
    n_bins
        Bins of equal width.

    Notes
    -----
    The S(T) of a subject censored with S(C) = s is uniform on [0, s]: it counts in all bins below s, by their overlap.

    References
    ----------
    Haider, Hoehn, Davis, Greiner, JMLR 21 (2020) 85.
    """
    from scipy.stats import chi2

    duration, event = np.minimum(test.duration, times[-1]), test.event & (test.duration <= times[-1])
    knots = np.concatenate([[min(0.0, times[0] - 1.0)], times])
    curves = np.column_stack([np.ones(len(survival)), survival])
    s = np.array([np.interp(t, knots, curve) for t, curve in zip(duration, curves, strict=True)])
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    one_bin = np.eye(n_bins)[np.clip(np.searchsorted(edges, s, side="right") - 1, 0, n_bins - 1)]
    overlap = np.clip(s[:, None] - edges[:-1], 0.0, 1.0 / n_bins)
    all_bins_below = np.divide(overlap, s[:, None], out=one_bin.copy(), where=s[:, None] > 0)
    share = np.where(event[:, None], one_bin, all_bins_below).mean(axis=0)
    statistic = float(len(s) * n_bins * ((share - 1.0 / n_bins) ** 2).sum())
    return DCalibration(statistic, float(chi2.sf(statistic, n_bins - 1)), share)


class CalibrationCurve(NamedTuple):
    """Predicted and observed risk at a horizon in g groups of increasing predicted risk; arrays (g,).

    Attributes
    ----------
    predicted
        Mean predicted probability of an event by the horizon.
    observed, low, high
        1 − Kaplan–Meier of the group at the horizon with its 95 % log-log interval; NaN where the follow-up of the
        group ends before the horizon. For an observed risk of 0 or 1, where Greenwood's variance is zero, the exact
        binomial interval of the subjects with a known state at the horizon (Clopper, Pearson, Biometrika 26 (1934)
        404).
    n
        Subjects in the group.
    """

    predicted: Float
    observed: Float
    low: Float
    high: Float
    n: Float


def calibration_curve(
    test: Outcome, survival: Float, horizon: float, *, n_groups: int | None = None
) -> CalibrationCurve:
    """Observed and predicted risk at `horizon` in groups of about equal size; equal predictions share a group.

    Parameters
    ----------
    test
        n subjects.
    survival
        (n,) predicted S(horizon).
    n_groups
        By default three to ten, with about 15 subjects or more in each.
    """
    rows = []
    group = equal_groups(-survival, n_groups or min(10, max(3, len(survival) // 15)))
    for number, curve in enumerate(group_curves(test, group)):
        band = StepFunction(curve.times, np.stack([curve.survival, curve.low, curve.high]))
        is_known = curve.times[-1] >= horizon or curve.survival[-1] == 0
        observed, high, low = 1.0 - band(horizon) if is_known else np.full(3, np.nan)
        if observed in (0.0, 1.0):
            low, high = _exact_interval(curve, horizon)
        rows.append([1.0 - survival[group == number].mean(), observed, low, high, curve.n])
    return CalibrationCurve(*np.array(rows, dtype=np.float64).T)


def _exact_interval(curve: GroupCurve, horizon: float) -> tuple[float, float]:
    """Exact 95 % binomial interval of the risk at a horizon in a group with no event, or only events, until then."""
    from scipy.stats import binomtest

    is_case = curve.event & (curve.duration <= horizon)
    is_known = is_case | (curve.duration >= horizon)
    interval = binomtest(int(is_case.sum()), int(is_known.sum())).proportion_ci(0.95, method="exact")
    return float(interval.low), float(interval.high)


def calibration_slope(
    test: Outcome, survival: Float, horizon: float, *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> Metric:
    """Slope of the true on the predicted log cumulative hazard up to `horizon`: 1 is ideal, below 1 means overfitting.

    The coefficient of a Cox model of the outcome, censored at the horizon, on log(−log S(horizon)).

    Parameters
    ----------
    test
        n subjects.
    survival
        (n,) predicted S(horizon).

    References
    ----------
    Crowson, Atkinson, Therneau, Stat Methods Med Res 25 (2016) 1692.
    """
    x = np.log(-np.log(np.clip(survival, 1e-12, 1.0 - 1e-12)))
    duration, event = np.minimum(test.duration, horizon), test.event & (test.duration <= horizon)

    def statistic(weight: Float) -> Float:
        return cox_slope(x, duration, event, weight)

    reason = "no slope: no event by the horizon, equal predictions for all subjects, or perfect separation"
    return bootstrap(statistic, len(x), n_resamples=n_resamples, seed=seed, reason=reason)
