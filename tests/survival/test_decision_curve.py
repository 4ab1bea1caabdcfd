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
