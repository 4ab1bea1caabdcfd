"""Shape and level of a Weibull model at given log-hazards, by Newton's method."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

STEPS = 50
"""Most Newton steps; a handful is enough, as the likelihood is concave."""


def fit_line(
    log_hazard: Float,
    event: NDArray[np.bool_],
    log_time: Float,
    log_entry: Float | None = None,
    *,
    start: tuple[float, float],
) -> tuple[float, float]:
    """ρ > 0 and c of log H(t) = ρ log t + c + r that maximise the likelihood; `start` where there is no event.

    Parameters
    ----------
    log_hazard
        r (n,), fixed.
    event, log_time, log_entry
        (n,) outcome; log times of events, of censoring, and of late entry, -inf for an entry at 0.
    """
    if not event.any():
        return start

    def terms(line: Float) -> tuple[float, Float, Float]:
        """Negative log-likelihood, its gradient and its Hessian."""
        rho, level = line
        value = -float((event * (np.log(rho) + rho * log_time + level)).sum())
        gradient = -np.array([(event * (log_time + 1 / rho)).sum(), event.sum()])
        hessian = np.diag([event.sum() / rho**2, 0.0])
        for sign, times in ((1.0, log_time), (-1.0, log_entry)):
            if times is None:
                continue
            known = np.isfinite(times)
            x = np.vstack([times[known], np.ones(known.sum())])
            cumulative = np.exp(rho * x[0] + level + log_hazard[known])
            value += sign * float(cumulative.sum())
            gradient += sign * (x @ cumulative)
            hessian += sign * (x * cumulative) @ x.T
        return value, gradient, hessian

    line = np.array(start)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        value, gradient, hessian = terms(line)
        for _ in range(STEPS):
            if not np.isfinite(hessian).all():
                break
            step, size = np.linalg.lstsq(hessian, gradient, rcond=None)[0], 1.0
            while size > 1e-6:
                trial = line - size * step
                found = terms(trial) if trial[0] > 0 else (np.inf, gradient, hessian)
                if found[0] <= value:
                    break
                size /= 2
            else:
                break
            line, done = trial, value - found[0] < 1e-10 * abs(value)
            value, gradient, hessian = found
            if done:
                break
    return float(line[0]), float(line[1])
