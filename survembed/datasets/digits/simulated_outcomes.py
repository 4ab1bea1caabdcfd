"""Survival times simulated from digits (surv-MNIST). The hazard depends only on the digit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Digits = NDArray[np.int64]
Float = NDArray[np.float64]

VARIANCE = 1e-3
"""Variance of the survival times of one digit in the scheme `xcal`."""

XCAL_MEANS = np.array([11.25, 2.25, 5.25, 5.0, 4.75, 8.0, 2.0, 11.0, 1.75, 10.75])
"""Mean survival time of the digits 0 to 9 in the scheme `xcal`."""


@dataclass(frozen=True)
class SimulatedOutcome:
    """Simulated survival of n subjects.

    Attributes
    ----------
    duration
        (n,) float64 time to event or censoring, above 0.
    event
        (n,) bool, True if the event is observed.
    log_hazard
        (n,) float64 true log-hazard up to a constant; higher dies sooner.
    """

    duration: Float
    event: NDArray[np.bool_]
    log_hazard: Float


@dataclass(frozen=True)
class SimulationScheme:
    """Simulation of survival from digits.

    Attributes
    ----------
    simulate
        Function of digits (n,) and a seed.
    digits
        Digits for which it is defined.
    time_unit
        Unit of the durations.
    """

    simulate: Callable[[Digits, int], SimulatedOutcome]
    digits: range
    time_unit: str


def exponential(digits: Digits, seed: int) -> SimulatedOutcome:
    """T ~ Exp(mean 365·exp(−0.6·y) / ln 1.2) days for digit y, censored at 700 days; log-hazard 0.6·y.

    Source: Kvamme, Borgan, Scheel, *Time-to-event prediction with neural networks and Cox regression* (2019),
    pycox, notebook 04_mnist_dataloaders_cnn.
    """
    times = np.random.default_rng(seed).exponential(365 * np.exp(-0.6 * digits) / np.log(1.2))
    return SimulatedOutcome(np.minimum(times, 700.0), times <= 700.0, 0.6 * digits.astype(np.float64))


def gensheimer(digits: Digits, seed: int) -> SimulatedOutcome:
    """T ~ Exp(mean 365·exp(−0.9·y) / ln 2) days, C ~ Exp(mean 730 / ln 2) days, digits 0 to 4; log-hazard 0.9·y.

    Source: Gensheimer, Narasimhan, *A scalable discrete-time survival model for neural networks*, PeerJ (2019).
    """
    random = np.random.default_rng(seed)
    times = random.exponential(365 / np.log(2) * np.exp(-0.9 * digits))
    return _censored(times, random.exponential(730 / np.log(2), len(times)), 0.9 * digits.astype(np.float64))


def xcal(digits: Digits, seed: int) -> SimulatedOutcome:
    """T ~ Gamma with mean m_y of `XCAL_MEANS` and variance 0.001; C ~ U(min T, 90th percentile of T).

    Gamma hazards are not proportional; −log m_y, which has the order of the hazards, is used as log-hazard.
    Source: Goldstein, Han, Puli, Perotte, Ranganath, *X-CAL: explicit calibration for survival analysis*, NeurIPS
    (2020), appendix D.
    """
    random = np.random.default_rng(seed)
    means = XCAL_MEANS[digits]
    times = random.gamma(means**2 / VARIANCE, VARIANCE / means)
    censoring = random.uniform(times.min(), np.quantile(times, 0.9), len(times))
    return _censored(times, censoring, -np.log(means))


def poelsterl(digits: Digits, seed: int) -> SimulatedOutcome:
    """T = −ln(U)·365·exp(−r_y) days, U ~ U(0, 1), all censored at one time c ~ U(min T, 55th percentile of T).

    Each digit is randomly assigned to a risk group g = 0 to 3; r = 1.75·√(g + 0.0001) − (i − ⌊k/2⌋)/25 for the
    i-th of the k digits of a group. Groups and, with seed 0, times are those of the source, which uses seed 89.
    Source: Pölsterl, *Survival analysis for deep learning*, k-d-w.org (2019).
    """
    groups = np.random.RandomState(89).randint(4, size=10)
    rank = np.array([(groups[:digit] == groups[digit]).sum() for digit in range(10)])
    size = np.bincount(groups, minlength=4)[groups]
    risk = (1.75 * np.sqrt(groups + 1e-4) - (rank - size // 2) / 25)[digits]
    random = np.random.RandomState((89 + seed) % 2**32)
    times = -np.log(random.uniform(size=len(risk))) * 365 * np.exp(-risk)
    return _censored(times, np.full(len(times), random.uniform(times.min(), np.quantile(times, 0.55))), risk)


def _censored(times: Float, censoring: Float, log_hazard: Float) -> SimulatedOutcome:
    return SimulatedOutcome(np.minimum(times, censoring), times <= censoring, log_hazard)


SCHEMES = {
    "exponential": SimulationScheme(exponential, range(10), "days"),
    "gensheimer": SimulationScheme(gensheimer, range(5), "days"),
    "xcal": SimulationScheme(xcal, range(10), "units"),
    "poelsterl": SimulationScheme(poelsterl, range(10), "days"),
}
"""All schemes by name."""
