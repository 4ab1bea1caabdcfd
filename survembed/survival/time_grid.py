"""Times on which survival functions are scored."""

from __future__ import annotations

import numpy as np

from survembed.survival.bootstrap import Float
from survembed.survival.kaplan_meier import censoring_survival
from survembed.survival.outcome import Outcome

MIN_CENSORING_SURVIVAL = 0.05


NO_GRID = "no time lies inside the test durations, below the training follow-up and where G(t) is above 0.05"


def time_grid(train: Outcome, test: Outcome, n: int = 100) -> Float:
    """Times on which survival functions are scored, increasing, (n,).

    Evenly spaced from the 5th to the 90th percentile of the test durations, cut where the training part knows no more:
    below its largest duration, and where its censoring survival G stays above 0.05.

    Returns
    -------
    Empty where these conditions leave no interval; the metrics that need the grid are then NaN and say so.
    """
    low, high = np.percentile(test.duration, [5, 90])
    g = censoring_survival(*train)
    exhausted = g.times[g.values <= MIN_CENSORING_SURVIVAL]
    limit = min([float(train.duration.max()), *exhausted[:1]])
    high = min(high, np.nextafter(limit, -np.inf))
    return np.linspace(low, high, n) if low < high else np.empty(0)
