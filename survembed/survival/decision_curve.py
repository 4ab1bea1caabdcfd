"""Decision curve: net benefit of treating the subjects whose predicted risk reaches a threshold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from survembed.survival.kaplan_meier import kaplan_meier
from survembed.survival.outcome import Bool, Float, Outcome

THRESHOLDS = np.arange(1, 100) / 100
"""Risks from 1 to 99 %."""


class DecisionCurve(NamedTuple):
    """Net benefit at one horizon; arrays (k,) over the thresholds. Treating nobody has a net benefit of 0.

    Attributes
    ----------
    horizon
        Time by which an event counts.
    thresholds
        Risks from which a subject is treated.
    net_benefit
        Of treating by the model; NaN where the follow-up of those above the threshold ends before the horizon.
    treat_all
        Of treating everybody.
    treated
        Share of subjects at or above the threshold.
    """

    horizon: float
    thresholds: Float
    net_benefit: Float
    treat_all: Float
    treated: Float


def decision_curve(test: Outcome, risk: Float, horizon: float, thresholds: Float = THRESHOLDS) -> DecisionCurve:
    """Net benefit of a predicted risk (n,) of an event by `horizon`, with censoring.

    Parameters
    ----------
    test
        n subjects.
    risk
        1 − S(horizon) in [0, 1].
    thresholds
        (k,) strictly between 0 and 1.

    Notes
    -----
    With p the threshold, x the share of subjects at or above it, and F the risk 1 − Kaplan–Meier of these at the
    horizon, the net benefit is x·F − x·(1 − F)·p / (1 − p): true positives minus false positives at the odds of the
    threshold.

    References
    ----------
    Vickers, Cronin, Elkin, Gonen, BMC Med Inform Decis Mak 8 (2008) 53.
    """
    odds = thresholds / (1.0 - thresholds)
    above = risk[None, :] >= thresholds[:, None]
    treated = above.mean(axis=1)
    observed = np.array([_risk_by(test, each, horizon) if each.any() else 0.0 for each in above])
    overall = _risk_by(test, np.ones(len(risk), dtype=bool), horizon)
    return DecisionCurve(
        horizon,
        thresholds,
        treated * (observed - (1.0 - observed) * odds),
        overall - (1.0 - overall) * odds,
        treated,
    )


def _risk_by(test: Outcome, subjects: Bool, horizon: float) -> float:
    """1 − Kaplan–Meier of a part of the subjects at the horizon; NaN where their follow-up ends before it."""
    duration, event = test.duration[subjects], test.event[subjects]
    survival = float(kaplan_meier(duration, event)(horizon))
    return 1.0 - survival if duration.max() >= horizon or survival == 0 else np.nan
