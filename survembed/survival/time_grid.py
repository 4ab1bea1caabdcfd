"""Times at which survival functions are scored."""

from __future__ import annotations

import numpy as np

from survembed.survival.kaplan_meier import censoring_survival
from survembed.survival.outcome import Float, Outcome

MIN_CENSORING_SURVIVAL = 0.05

NO_GRID = "no time lies inside the test durations, below the training follow-up and where G(t) is above 0.05"


def time_grid(train: Outcome, test: Outcome, n: int = 100) -> Float:
    """Times at which survival functions are scored, (n,), increasing.

    Evenly spaced from the 5th to the 90th percentile of the test durations. The grid ends below the largest training
    duration and while the censoring survival G of the training part is above 0.05.

    Returns
    -------
    Empty where these conditions leave no interval; metrics on the grid are then NaN and give the reason.
    """
    low, high = np.percentile(test.duration, [5, 90])
    limit = np.fmin(train.duration.max(), censoring_survival(*train).first_time_at_or_below(MIN_CENSORING_SURVIVAL))
    high = min(high, np.nextafter(limit, -np.inf))
    return np.linspace(low, high, n) if low < high else np.empty(0)
