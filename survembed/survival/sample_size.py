"""Sample size of a prediction model: events per parameter, and the criteria of Riley and others."""

from __future__ import annotations

import math
from typing import NamedTuple

SHRINKAGE, OPTIMISM, MARGIN = 0.9, 0.05, 0.05
ANTICIPATED = 0.15
"""Share of the largest R² that is anticipated where nothing is known (Riley and others 2020)."""
_NORMAL_QUANTILE = 1.959963984540054


class SampleSize(NamedTuple):
    """Events per parameter, and the number of subjects that each criterion asks for.

    Attributes
    ----------
    parameters, per_parameter
        Candidate parameters of the model, and events per parameter.
    r2
        Anticipated Cox–Snell R².
    for_shrinkage
        Subjects for a shrinkage factor of 0.9: an overfitting of 10 % at most.
    for_optimism
        Subjects for an optimism in Nagelkerke's R² of at most 0.05.
    margin
        Half width of the 95 % interval of the overall risk at the horizon, with the subjects at hand; 0.05 is wanted.
    """

    parameters: int
    per_parameter: float
    r2: float
    for_shrinkage: int
    for_optimism: int
    margin: float

    @property
    def needed(self) -> int:
        """Subjects for the first two criteria."""
        return max(self.for_shrinkage, self.for_optimism)


def sample_size(
    n: int, n_events: int, parameters: int, person_time: float, horizon: float, r2: float | None = None
) -> SampleSize:
    """Criteria for a survival model with n subjects, in any unit of time.

    Parameters
    ----------
    parameters
        p, candidate parameters.
    person_time
        Sum of all durations.
    horizon
        Time of the overall risk.
    r2
        Cox–Snell R² that is anticipated; by default 15 % of the largest possible.

    Notes
    -----
    With φ = events / n, the largest Cox–Snell R² is 1 − exp(2(φ ln φ − φ)). A shrinkage S needs
    p / ((S − 1) ln(1 − R² / S)) subjects: S = 0.9 for the first criterion, R² / (R² + 0.05 max R²) for the second. The
    risk of the third is 1 − exp(−λt) with the rate λ ± 1.96 √(λ / person-time).

    References
    ----------
    Riley and others, Stat Med 38 (2019) 1276; Riley and others, BMJ 368 (2020) m441.
    """
    share = n_events / n
    largest = 1.0 - math.exp(2.0 * (share * math.log(share) - share))
    anticipated = ANTICIPATED * largest if r2 is None else r2
    rate = n_events / person_time
    half = _NORMAL_QUANTILE * math.sqrt(rate / person_time)
    risk, low, high = (1.0 - math.exp(-max(each, 0.0) * horizon) for each in (rate, rate - half, rate + half))
    return SampleSize(
        parameters,
        n_events / parameters,
        anticipated,
        _subjects(parameters, anticipated, SHRINKAGE),
        _subjects(parameters, anticipated, anticipated / (anticipated + OPTIMISM * largest)),
        max(high - risk, risk - low),
    )


def _subjects(parameters: int, r2: float, shrinkage: float) -> int:
    return math.ceil(parameters / ((shrinkage - 1.0) * math.log(1.0 - r2 / shrinkage)))
