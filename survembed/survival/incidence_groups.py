"""Subjects grouped by the predicted risk of one competing cause: observed and predicted incidence of each group."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from survembed.survival.aalen_johansen import aalen_johansen
from survembed.survival.competing_risks import CausedOutcome
from survembed.survival.outcome import Float
from survembed.survival.risk_groups import equal_groups


class IncidenceGroup(NamedTuple):
    """One group of subjects.

    Attributes
    ----------
    n, n_events
        Subjects, and those with an event of the cause.
    times, observed
        (k,) distinct times of the group, the last of them the end of its follow-up, and Aalen and Johansen's estimate.
    predicted
        (T,) mean predicted incidence on the times of the prediction.
    """

    n: int
    n_events: int
    times: Float
    observed: Float
    predicted: Float


def incidence_groups(
    outcome: CausedOutcome, cause: int, risk: Float, incidence: Float, n_groups: int
) -> list[IncidenceGroup]:
    """Groups of about equal size by increasing `risk` (n,) of a cause, with its predicted `incidence` (n, T)."""
    group, n_causes = equal_groups(risk, n_groups), max(cause, int(outcome.cause.max()))
    found = []
    for number in np.unique(group):
        own = group == number
        entry = None if outcome.entry is None else outcome.entry[own]
        times = np.unique(outcome.duration[own])
        observed = aalen_johansen(outcome.duration[own], outcome.cause[own], n_causes, entry)(times)[cause - 1]
        n_events = int((outcome.cause[own] == cause).sum())
        found.append(IncidenceGroup(int(own.sum()), n_events, times, observed, incidence[own].mean(axis=0)))
    return found
