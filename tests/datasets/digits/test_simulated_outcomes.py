"""The four schemes: ceilings and censoring on the real test digits, and the formulae themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lifelines.utils import concordance_index

from survembed.datasets.digits.idx import parse_idx
from survembed.datasets.digits.simulated_outcomes import SCHEMES, SimulatedOutcome


@pytest.fixture(scope="module")
def all_digits(test_data: Path) -> np.ndarray:
    """The 60,000 training and 10,000 test digits of MNIST."""
    parts = [
        parse_idx(
            (test_data / "mnist" / f"{part}-labels-idx1-ubyte.gz").read_bytes(),
            1,
            test_data / "mnist" / f"{part}-labels-idx1-ubyte.gz",
        )
        for part in ("train", "t10k")
    ]
    return np.concatenate(parts).astype(np.int64)


def ceiling(outcome: SimulatedOutcome, rows: slice) -> float:
    return float(concordance_index(outcome.duration[rows], -outcome.log_hazard[rows], outcome.event[rows]))


# Each tolerance is three standard deviations over seeds, as measured with 25 seeds.
@pytest.mark.parametrize(
    ("name", "published", "tolerance"),
    [("exponential", 0.818, 0.007), ("gensheimer", 0.770, 0.012), ("xcal", 0.966, 0.001)],
)
def test_ceiling_on_test_digits(all_digits: np.ndarray, name: str, published: float, tolerance: float) -> None:
    test = all_digits[60_000:]
    digits = test[np.isin(test, SCHEMES[name].digits)]
    assert ceiling(SCHEMES[name].simulate(digits, 1), slice(None)) == pytest.approx(published, abs=tolerance)


def test_poelsterl_is_the_published_realisation(all_digits: np.ndarray) -> None:
    outcome = SCHEMES["poelsterl"].simulate(all_digits, 0)
    assert ceiling(outcome, slice(60_000, None)) == pytest.approx(0.7046, abs=5e-5)


def test_exponential_censoring(all_digits: np.ndarray) -> None:
    outcome = SCHEMES["exponential"].simulate(all_digits, 0)
    assert 1 - outcome.event.mean() == pytest.approx(0.175, abs=0.005)
    assert (outcome.duration[~outcome.event] == 700).all()


def test_poelsterl_censors_at_one_time(all_digits: np.ndarray) -> None:
    outcome = SCHEMES["poelsterl"].simulate(all_digits, 0)
    assert len(np.unique(outcome.duration[~outcome.event])) == 1
    assert len(np.unique(outcome.log_hazard)) == 10


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme(name: str) -> None:
    scheme = SCHEMES[name]
    digits = np.tile(np.array(scheme.digits, dtype=np.int64), 200)
    one, again, other = (scheme.simulate(digits, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.duration, again.duration)
    assert (one.duration != other.duration).any()
    assert (one.duration > 0).all()
    assert one.event.any()
    assert not one.event.all()
    assert one.duration.dtype == one.log_hazard.dtype == np.float64
    assert ceiling(one, slice(None)) > 0.65  # a higher log-hazard dies sooner


@pytest.mark.parametrize(("name", "rate"), [("exponential", np.log(1.2) / 365), ("gensheimer", np.log(2) / 365)])
def test_hazard_of_each_digit(name: str, rate: float) -> None:
    """Events per time at risk estimate the hazard: exp(0.6·y)·ln 1.2/365, or exp(0.9·y)·ln 2/365."""
    for digit in SCHEMES[name].digits:
        outcome = SCHEMES[name].simulate(np.full(40_000, digit, dtype=np.int64), digit)
        estimate = outcome.event.sum() / outcome.duration.sum()
        assert estimate == pytest.approx(rate * np.exp(outcome.log_hazard[0]), rel=0.04)


def test_gensheimer_censoring() -> None:
    """Of two exponential times the censoring one is first with probability rate_C / (rate_C + rate_T)."""
    for digit in range(5):
        outcome = SCHEMES["gensheimer"].simulate(np.full(40_000, digit, dtype=np.int64), digit)
        assert 1 - outcome.event.mean() == pytest.approx(0.5 / (0.5 + np.exp(0.9 * digit)), abs=0.01)


def test_xcal_moments() -> None:
    outcome = SCHEMES["xcal"].simulate(np.repeat(np.arange(10), 5000), 0)
    events = outcome.duration[outcome.event & (np.repeat(np.arange(10), 5000) == 6)]
    assert events.mean() == pytest.approx(2.0, abs=0.01)
    assert events.var() == pytest.approx(1e-3, rel=0.15)
    # With as many of each digit, the 90th percentile lies between the two longest means.
    assert 11.0 < outcome.duration[~outcome.event].max() < 11.25
