"""The discrete-time head against a loop over subjects and intervals, Kaplan–Meier, and planted hazards."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from survembed.errors import UsageError
from survembed.heads import Discrete
from survembed.heads.discrete import DiscreteHead
from survembed.survival.batch import Batch
from survembed.survival.concordance import harrell_c
from survembed.survival.kaplan_meier import kaplan_meier
from survembed.survival.outcome import Outcome

DURATION = torch.tensor([0.0, 1.0, 2.0, 2.5, 3.0, 4.5, 5.0, 6.0, 8.0, 8.0], dtype=torch.float64)
EVENT = torch.tensor([1, 1, 0, 1, 1, 0, 1, 0, 1, 0])


def head_with_grid(*grid: float, seed: int = 0) -> DiscreteHead:
    torch.manual_seed(seed)
    head = DiscreteHead(2, 20, grid).double()
    head.fit_outcome(DURATION, EVENT)
    head.last_time = float(DURATION.max())
    return head


def hazards(head: DiscreteHead, z: Tensor) -> np.ndarray:
    return head.logits(z).sigmoid().detach().numpy()


def test_loss_by_a_loop() -> None:
    """Also for an event after the last end, as in a validation part: it survives the whole grid."""
    grid = (1.0, 3.0, 5.0, 8.0)
    head = head_with_grid(*grid)
    duration, event = torch.cat([DURATION, torch.tensor([9.0]).double()]), torch.cat([EVENT, torch.tensor([1])])
    z = torch.randn(len(duration), 2).double()
    total = 0.0
    for h, time, died in zip(hazards(head, z), duration.tolist(), event.tolist(), strict=True):
        start = 0.0
        for number, end in enumerate(grid):
            if died and (start < time <= end or (number == 0 and time == 0)):
                total -= np.log(h[number])
                break
            if time >= end:
                total -= np.log(1 - h[number])
            start = end
    assert float(head.loss(z, Batch(z, duration, event)).detach()) == pytest.approx(total / len(z), rel=1e-12)


def test_survival_is_a_product_at_the_ends_and_a_line_between() -> None:
    grid = np.array([1.0, 3.0, 5.0, 8.0])
    head, z = head_with_grid(*grid), torch.randn(3, 2).double()
    at_ends = np.cumprod(1 - hazards(head, z), axis=1)
    times = np.linspace(0, 8, 33)
    expected = [np.interp(times, [0, *grid], [1, *curve]) for curve in at_ends]
    np.testing.assert_allclose(head.survival(z, torch.from_numpy(times)).detach(), expected, atol=1e-12)
    beyond = torch.tensor([8.0, 8.001], dtype=torch.float64)
    assert head.survival(z, beyond).isnan().tolist() == [[False, True]] * 3
    head.last_time = 9.0  # followed up after the last event: S(t) stays
    np.testing.assert_allclose(head.survival(z, beyond).detach(), at_ends[:, [-1, -1]])


def test_the_grid_is_quantiles_of_event_times_and_has_no_empty_interval() -> None:
    head = DiscreteHead(1, 4)
    events = torch.arange(1.0, 9.0).double()
    head.fit_outcome(events, torch.ones(8))
    assert head.ends.tolist() == [2, 4, 6, 8]
    head.fit_outcome(torch.tensor([1.0, 1, 1, 1, 7, 7]).double(), torch.ones(6))  # two distinct times for 4 intervals
    assert head.ends.tolist() == [1, 7, np.inf, np.inf]
    head.last_time = 7.0
    first, second = 2.5 / 7, 2.5 / 7 * 0.5 / 3  # half a subject is added to events and survivors
    expected = [(1 + first) / 2, first, (first + second) / 2, second]
    survival = head.survival(torch.zeros(1, 1), torch.tensor([0.5, 1, 4, 7]).double()).detach()[0]
    np.testing.assert_allclose(survival, expected, rtol=1e-6)


def test_without_latents_it_begins_near_kaplan_meier() -> None:
    """Every distinct event time is an end: nothing is censored within an interval before one."""
    rng = np.random.default_rng(0)
    life, censoring = rng.integers(1, 12, 4000), rng.integers(1, 15, 4000)
    duration, event = np.minimum(life, censoring).astype(float), life <= censoring
    head = DiscreteHead(1, 50)
    head.fit_outcome(torch.from_numpy(duration), torch.from_numpy(event))
    head.last_time = float(duration.max())
    ends = head.ends[head.ends.isfinite()]
    mean = head.survival(torch.zeros(1, 1), ends).detach().numpy()[0]
    np.testing.assert_allclose(mean, kaplan_meier(duration, event)(ends.numpy()), atol=2e-3)


def test_log_hazard_is_the_mean_log_cumulative_hazard_over_the_grid() -> None:
    head, z = head_with_grid(1.0, 3.0, 5.0, 8.0), torch.randn(5, 2).double() * 10
    survival = head.survival(z, head.ends).detach().numpy()
    cumulative = -np.log(np.maximum(survival, 1e-300))
    np.testing.assert_allclose(head(z).detach(), np.log(cumulative).mean(axis=1), rtol=1e-6)


def test_crossing_hazards_are_found() -> None:
    """One group dies early, the other late: no proportional hazards model can say so."""
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 3000)
    duration = np.where(group == 0, rng.choice([1.0, 10.0], 3000, p=[0.5, 0.5]), rng.uniform(4, 6, 3000)).round(1)
    z, event = torch.from_numpy(2.0 * group[:, None] - 1).float(), torch.ones(3000, dtype=torch.bool)
    head = DiscreteHead(1, 10)
    head.fit_outcome(torch.from_numpy(duration), event)
    optimizer = torch.optim.Adam(head.parameters(), 0.2)
    for _ in range(300):
        optimizer.zero_grad()
        head.loss(z, Batch(z, torch.from_numpy(duration), event)).backward()
        optimizer.step()
    head.fit_baseline(z, torch.from_numpy(duration), event)
    with torch.no_grad():
        early, late = head.survival(torch.tensor([[-1.0], [1.0]]), torch.tensor([2.0, 6.5]).double()).numpy()
    assert early[0] < 0.6 < 0.9 < late[0]
    assert late[1] < 0.15 < 0.3 < early[1]


def test_higher_log_hazards_die_sooner_and_the_median_is_on_the_curve() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=(400, 2))
    life = rng.exponential(np.exp(-z[:, 0]))
    outcome = Outcome(life, np.ones(400, bool))
    tensors = [torch.from_numpy(each) for each in (z, *outcome)]
    head = DiscreteHead(2, 15).double()
    head.fit_outcome(tensors[1], tensors[2])
    optimizer = torch.optim.Adam(head.parameters(), 0.05)
    for _ in range(200):
        optimizer.zero_grad()
        head.loss(tensors[0], Batch(*tensors)).backward()
        optimizer.step()
    head.fit_baseline(*tensors)
    with torch.no_grad():
        assert harrell_c(outcome, head(tensors[0]).numpy(), n_resamples=0).value == pytest.approx(
            harrell_c(outcome, z[:, 0], n_resamples=0).value, abs=0.01
        )
        median = head.median_survival(tensors[0])
        known = median.isfinite()
        at_median = head.survival(tensors[0][known], median[known]).diagonal()
    np.testing.assert_allclose(at_median, 0.5, atol=1e-9)


@pytest.mark.parametrize(
    ("grid", "message", "remedy"),
    [
        ((1.0, 1.5, 5.0, 8.0), "no training event between 1 and 1.5", "1,5,8"),
        ((1.0, 5.0), "ends at 5, before 1 training event", "1,5,8"),
        ((1.0, 1.5, 5.0), "ends at 5, before 1 training event", "1,5,8"),
    ],
)
def test_a_grid_that_cannot_be_used(grid: tuple[float, ...], message: str, remedy: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        head_with_grid(*grid)
    assert error.value.try_ == f"--set head.grid={remedy}"
    head_with_grid(*map(float, remedy.split(",")))


@pytest.mark.parametrize("grid", ["3,2", "0,1", "-1,2", "1,1", "1,x", "1,nan"])
def test_times_that_are_no_grid(grid: str) -> None:
    with pytest.raises(UsageError, match="grid"):
        Discrete.configure("head", {"grid": grid})


def test_a_part_without_events_or_time_has_a_grid() -> None:
    for duration in (torch.zeros(3).double(), torch.arange(3).double()):
        head = DiscreteHead(1, 5)
        head.fit_outcome(duration, torch.zeros(3))
        head.fit_baseline(torch.zeros(3, 1), duration, torch.zeros(3))
        assert head.survival(torch.zeros(2, 1), torch.zeros(1).double()).tolist() == [[1.0], [1.0]]
