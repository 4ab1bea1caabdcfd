"""Net benefit: against the formula on lifelines' curves, and numbers of dcurves."""

from __future__ import annotations

import numpy as np
import pytest
from lifelines import KaplanMeierFitter

from survembed.survival.decision_curve import decision_curve
from survembed.survival.outcome import Outcome


def cohort(seed: int, n: int = 150) -> tuple[Outcome, np.ndarray]:
    rng = np.random.default_rng(seed)
    risk = rng.uniform(0.02, 0.95, n)
    time, censoring = rng.exponential(-1 / np.log(1 - risk)), rng.exponential(3.0, n)
    duration = np.round(np.minimum(time, censoring), 6) + 1e-6
    return Outcome(duration, time <= censoring), risk


@pytest.mark.parametrize("seed", range(10))
def test_net_benefit_is_that_of_the_formula(seed: int) -> None:
    test, risk = cohort(seed)
    found = decision_curve(test, risk, 1.0)
    for place, threshold in enumerate(found.thresholds):
        above = risk >= threshold
        if above.any() and test.duration[above].max() < 1:
            assert np.isnan(found.net_benefit[place]) or found.net_benefit[place] == pytest.approx(above.mean())
            continue
        observed = 0.0
        if above.any():
            observed = 1 - KaplanMeierFitter().fit(test.duration[above], test.event[above]).predict(1.0)
        expected = above.mean() * (observed - (1 - observed) * threshold / (1 - threshold))
        assert found.net_benefit[place] == pytest.approx(expected, abs=1e-9)
    overall = 1 - KaplanMeierFitter().fit(*test).predict(1.0)
    odds = found.thresholds / (1 - found.thresholds)
    np.testing.assert_allclose(found.treat_all, overall - (1 - overall) * odds, atol=1e-9)


def test_net_benefit_is_that_of_dcurves() -> None:
    """Numbers of dcurves 1.1.7 for the cohort of seed 0 at thresholds of 10, 30, 50 and 70 %."""
    test, risk = cohort(0)
    found = decision_curve(test, risk, 1.0)
    places = [9, 29, 49, 69]
    of_model = [0.39946222286, 0.279560748008, 0.13259036007, 0.041265268724]
    of_all = [0.385592128659, 0.210047022562, -0.105934168413, -0.843223614022]
    np.testing.assert_allclose(found.net_benefit[places], of_model, atol=1e-9)
    np.testing.assert_allclose(found.treat_all[places], of_all, atol=1e-9)
