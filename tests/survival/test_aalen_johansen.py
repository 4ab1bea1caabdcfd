"""Cumulative incidence against lifelines, scikit-survival, loops, and the sum of all states."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from lifelines import AalenJohansenFitter
from sksurv.nonparametric import cumulative_incidence_competing_risks

from survembed.survival.aalen_johansen import aalen_johansen, cumulative_incidence
from survembed.survival.breslow import BreslowBaseline
from survembed.survival.kaplan_meier import kaplan_meier


def cohort(seed: int, n: int = 120, ties: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-hazards (n, 2), durations and causes."""
    rng = np.random.default_rng(seed)
    r = rng.normal(size=(n, 2))
    lives = np.column_stack([rng.exponential(np.exp(-r)), rng.exponential(1.5, n)])
    duration = lives.min(axis=1)
    return r, np.ceil(duration * 6) if ties else duration, (lives.argmin(axis=1) + 1) % 3


@pytest.mark.parametrize("seed", range(3))
def test_equals_lifelines_and_scikit_survival(seed: int) -> None:
    _, duration, cause = cohort(seed)
    curve = aalen_johansen(duration, cause, 2)
    for number in (1, 2):
        peer = AalenJohansenFitter(calculate_variance=False).fit(duration, cause, event_of_interest=number)
        expected = peer.cumulative_density_.iloc[:, 0]
        np.testing.assert_allclose(curve(expected.index.to_numpy())[number - 1], expected, atol=1e-12)
    times, table = cumulative_incidence_competing_risks(cause, duration)
    np.testing.assert_allclose(curve(times), table[1:], atol=1e-12)


@pytest.mark.parametrize("late", [False, True])
def test_with_ties_and_late_entry_by_a_loop(late: bool) -> None:
    _, duration, cause = cohort(4, ties=True)
    entry = np.floor(np.random.default_rng(0).uniform(0, 1, 120) * duration) if late else np.zeros(120)
    survival, incidence = 1.0, np.zeros(2)
    curve = aalen_johansen(duration, cause, 2, entry if late else None)
    for t in np.unique(duration[cause > 0]):
        n = ((entry < t) & (t <= duration)).sum()
        counts = np.array([((duration == t) & (cause == number)).sum() for number in (1, 2)])
        incidence = incidence + survival * counts / n
        survival *= 1 - counts.sum() / n
        np.testing.assert_allclose(curve(t), incidence, atol=1e-12)


def test_incidences_and_survival_sum_to_1() -> None:
    _, duration, cause = cohort(5, ties=True)
    times = np.linspace(0, duration.max() + 1, 50)
    total = aalen_johansen(duration, cause, 2)(times).sum(axis=0) + kaplan_meier(duration, cause > 0)(times)
    np.testing.assert_allclose(total, 1.0, atol=1e-12)


def test_a_cause_without_an_event_has_no_incidence() -> None:
    _, duration, cause = cohort(6)
    assert not aalen_johansen(duration, np.where(cause == 2, 0, cause), 2)(duration)[1].any()
    assert aalen_johansen(duration, np.zeros(120, dtype=int), 2)(duration).shape == (2, 120)


def models(seed: int = 0, n: int = 4000) -> tuple[list[BreslowBaseline], np.ndarray, np.ndarray]:
    r, duration, cause = cohort(seed, n)
    return [BreslowBaseline.fit(r[:, k], duration, cause == k + 1) for k in (0, 1)], r, duration


def test_incidence_of_cox_models_sums_to_1_and_is_the_planted_one() -> None:
    baselines, _, duration = models()
    r = np.array([[0.0, 0.0], [1.0, -1.0], [3.0, 2.0], [-200.0, 200.0]])
    times = np.array([0.0, 0.1, 0.4, 1.0])
    incidence, alive = cumulative_incidence(baselines, r, times)
    np.testing.assert_allclose(incidence.sum(axis=0) + alive, 1.0, atol=1e-12)
    assert (np.diff(incidence, axis=2) >= 0).all()
    np.testing.assert_array_equal(incidence[:, :, 0], 0.0)
    hazards = np.exp(r[:2])
    total = hazards.sum(axis=1)
    expected = (hazards / total[:, None]).T[:, :, None] * (1 - np.exp(-total[:, None] * times))
    np.testing.assert_allclose(incidence[:, :2], expected, atol=0.03)
    np.testing.assert_allclose(incidence[1, 3, 1:], 1.0)
    beyond = cumulative_incidence(baselines, r, np.array([duration.max() * 1.01]))
    assert all(np.isnan(each).all() for each in beyond)


def test_survival_of_all_is_the_product_of_the_causes_own() -> None:
    """exp(−H1 − H2); the increments of each cause are those of a loop over the event times."""
    baselines, _, _ = models(1, 60)
    r, times = np.array([[0.5, -0.5]]), np.array([0.2, 0.6])
    incidence, alive = cumulative_incidence(baselines, r, times)
    both = [baseline.survival(r[:, k], times) for k, baseline in enumerate(baselines)]
    np.testing.assert_allclose(alive, both[0] * both[1], atol=1e-12)
    for number, time in enumerate(times):
        expected, survival = np.zeros(2), 1.0
        for t in np.unique(np.concatenate([baseline.times for baseline in baselines])):
            if t > time:
                break
            steps = np.array(
                [
                    np.exp(r[0, k]) * _jump(np.exp(baseline.log_cumulative_hazard), baseline.times, t)
                    for k, baseline in enumerate(baselines)
                ]
            )
            expected += survival * (1 - np.exp(-steps.sum())) * steps / steps.sum()
            survival *= np.exp(-steps.sum())
        np.testing.assert_allclose(incidence[:, 0, number], expected, atol=1e-12)


def _jump(hazard: np.ndarray, times: np.ndarray, at: float) -> float:
    where = np.flatnonzero(times == at)
    if not len(where):
        return 0.0
    return float(hazard[where[0]] - (hazard[where[0] - 1] if where[0] else 0.0))


def test_no_warning_without_any_event() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        baselines = [BreslowBaseline.fit(np.zeros(3), np.arange(3.0), np.zeros(3, bool))] * 2
        incidence, alive = cumulative_incidence(baselines, np.zeros((1, 2)), np.array([1.0]))
    assert (incidence.sum(), alive.sum()) == (0.0, 1.0)
