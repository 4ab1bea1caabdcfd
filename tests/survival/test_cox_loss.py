"""The Cox loss against scikit-survival, lifelines and a brute force that never sorts."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter
from lifelines.datasets import load_rossi
from scipy.stats import entropy as scipy_entropy
from sksurv.datasets import load_whas500
from sksurv.linear_model.coxph import CoxPHOptimizer

from survembed.models.losses import binary_entropy
from survembed.survival.cox_loss import cox_contributions, cox_loss

TIES = ["breslow", "efron"]


def brute_force(r, duration, event, ties):
    """Equation (2) term by term: for each event the log-sum-exp over its risk set, O(n^2)."""
    terms = [torch.zeros((), dtype=torch.float64) * r.sum()]
    for time in duration[event].unique():
        tied = (duration == time) & event
        n_tied = int(tied.sum())
        for rank in range(n_tied):
            share = rank / n_tied if ties == "efron" else 0.0
            at_risk = duration >= time
            weight = 1.0 - share * tied.double()
            terms.append(torch.logsumexp(r[at_risk] + weight[at_risk].log(), 0))
        terms.append(-r[tied].sum())
    return torch.stack(terms).sum() / max(int(event.sum()), 1)


def gradient(loss, r, *args, **options):
    r = r.clone().requires_grad_()
    value = loss(r, *args, **options)
    (slope,) = torch.autograd.grad(value, r)
    return value.detach(), slope


@st.composite
def batches(draw):
    n = draw(st.integers(1, 25))
    n_times = draw(st.sampled_from([1, 3, 10, 1000]))
    scale = draw(st.sampled_from([1.0, 30.0, 1e4]))
    values = st.lists(st.floats(-1, 1), min_size=n, max_size=n)
    r = torch.tensor(draw(values), dtype=torch.float64) * scale
    duration = torch.tensor(draw(st.lists(st.integers(0, n_times), min_size=n, max_size=n)), dtype=torch.float64)
    event = torch.tensor(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    return r, duration, event


@pytest.mark.parametrize("ties", TIES)
@settings(max_examples=60, deadline=None)
@given(batch=batches())
def test_value_and_gradient_equal_brute_force(ties, batch):
    r, duration, event = batch
    value, slope = gradient(cox_loss, r, duration, event, ties=ties)
    expected, expected_slope = gradient(brute_force, r, duration, event, ties)
    torch.testing.assert_close(value, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(slope, expected_slope, rtol=1e-7, atol=1e-9)


@pytest.fixture(scope="module")
def rossi():
    """Recidivism within 52 weeks: 432 subjects, 114 events on 49 distinct weeks."""
    frame = load_rossi()
    return frame.drop(columns=["week", "arrest"]).to_numpy(float), frame["week"].to_numpy(float), frame["arrest"] == 1


@pytest.mark.parametrize("ties", TIES)
def test_equals_scikit_survival_on_tied_data(rossi, ties):
    x, duration, event = rossi
    beta = np.random.default_rng(0).normal(size=x.shape[1]) / 3
    event = event.to_numpy()
    mean_over_subjects = CoxPHOptimizer(x, event, duration, np.zeros(x.shape[1]), ties).nlog_likelihood(beta)
    loss = cox_loss(torch.tensor(x @ beta), torch.tensor(duration), torch.tensor(event), ties=ties)
    assert loss.item() == pytest.approx(mean_over_subjects * len(x) / event.sum(), abs=1e-9)


def test_equals_lifelines_on_tied_data():
    frame = load_rossi()
    fitter = CoxPHFitter().fit(frame, "week", "arrest")
    r = torch.tensor(fitter.predict_log_partial_hazard(frame).to_numpy())
    event = torch.tensor(frame["arrest"].to_numpy())
    loss = cox_loss(r, torch.tensor(frame["week"].to_numpy(float)), event, ties="efron")
    assert -loss.item() * event.sum().item() == pytest.approx(fitter.log_likelihood_, abs=1e-9)


@pytest.mark.parametrize("ties", TIES)
def test_row_order_is_irrelevant_under_ties(ties):
    _, y = load_whas500()
    rng = np.random.default_rng(0)
    duration = np.ceil(y["lenfol"] / 200)  # 12 distinct times for 500 subjects
    r = rng.normal(size=len(y))
    losses = set()
    for _ in range(5):
        order = rng.permutation(len(y))
        args = (torch.tensor(a[order].copy()) for a in (r, duration, y["fstat"]))
        losses.add(round(cox_loss(*args, ties=ties).item(), 11))
    assert len(losses) == 1


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_log_hazards_stay_exact(ties, dtype):
    """With one hazard e^20000 times another, a risk set without the largest one must not vanish."""
    r = torch.tensor([1e4, -1e4, 9.9e3, -9.9e3, 0.0, -1e4, 1e4, 3.0], dtype=dtype)
    duration = torch.tensor([1.0, 5, 2, 5, 2, 6, 1, 6])
    event = torch.tensor([True, True, True, True, False, True, True, True])
    value, slope = gradient(cox_loss, r, duration, event, ties=ties)
    expected, expected_slope = gradient(brute_force, r.double(), duration, event, ties)
    assert value.dtype == slope.dtype == dtype
    torch.testing.assert_close(value, expected.to(dtype), rtol=1e-9 if dtype == torch.float64 else 1e-6, atol=0)
    torch.testing.assert_close(slope, expected_slope.to(dtype), rtol=1e-6, atol=1e-9)
    assert slope.abs().max() > 1e-3


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("n", [0, 1, 5])
def test_no_event_gives_a_zero_that_keeps_its_graph(ties, scale, n):
    r = (torch.linspace(-1, 1, n) * scale).requires_grad_()
    loss = cox_loss(r, torch.arange(n, dtype=torch.float64), torch.zeros(n, dtype=torch.bool), ties=ties)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(r.grad, torch.zeros(n))


def test_scale_does_not_depend_on_ties():
    """The mean is over events, not over distinct times, so that tau keeps its meaning from batch to batch."""
    r = torch.zeros(64, dtype=torch.float64)
    event = torch.ones(64, dtype=torch.bool)
    untied = cox_loss(r, torch.arange(64.0), event, ties="efron")
    assert cox_loss(r, torch.ones(64), event, ties="efron").item() == pytest.approx(untied.item())
    assert cox_loss(r, torch.ones(64), event).item() == pytest.approx(math.log(64))


@pytest.mark.parametrize("mask", [None, torch.tensor([True, True])])
def test_ties_are_decided_in_float64(mask):
    duration = torch.tensor([1.0, 1.0 + 1e-12], dtype=torch.float64)
    r, event = torch.tensor([0.0, 1.0]), torch.tensor([True, True])
    loss = cox_loss(r, duration, event, mask=mask)
    assert loss.item() == pytest.approx(math.log(1 + math.e) / 2, rel=1e-6)


def test_masked_subjects_do_not_exist():
    rng = torch.Generator().manual_seed(0)
    r = torch.randn(20, generator=rng, dtype=torch.float64)
    duration = torch.randint(0, 8, (20,), generator=rng).double()
    event = torch.rand(20, generator=rng) < 0.6
    mask = torch.arange(20) < 13
    padded = torch.where(mask, r, torch.nan)
    value, slope = gradient(cox_loss, padded, duration, event, mask=mask)
    expected, expected_slope = gradient(cox_loss, r[mask], duration[mask], event[mask])
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(slope, torch.cat([expected_slope, torch.zeros(7, dtype=torch.float64)]))


def test_autocast_does_not_lower_the_precision():
    r, duration = torch.linspace(-3, 3, 50), torch.arange(50.0)
    event = torch.arange(50) % 2 == 0
    plain = cox_loss(r, duration, event)
    with torch.autocast("cpu", torch.bfloat16):
        assert cox_loss(r, duration, event).item() == plain.item()
    assert cox_loss(r.bfloat16(), duration, event).dtype == torch.float32


def test_nan_is_passed_on():
    loss = cox_loss(torch.tensor([torch.nan, 0.0]), torch.tensor([1.0, 2.0]), torch.tensor([True, True]))
    assert math.isnan(loss.item())


def contributions_by_hand(r, duration, event):
    """exp(r_i)·Λ(t_i) − δ_i·(r_i − log S(t_i)), risk set by risk set, O(n^2)."""
    log_risk = torch.stack([torch.logsumexp(r[duration >= time], 0) for time in duration])
    found = []
    for r_i, time, seen, own in zip(r, duration, event, log_risk, strict=True):
        earlier = event & (duration <= time)
        found.append((r_i - log_risk[earlier]).exp().sum() - seen * (r_i - own))
    return torch.stack(found)


@settings(max_examples=60, deadline=None)
@given(batch=batches())
def test_contributions_equal_brute_force_and_add_up_to_the_loss(batch):
    r, duration, event = batch
    found = cox_contributions(r, duration, event)
    torch.testing.assert_close(found, contributions_by_hand(r, duration, event), rtol=1e-9, atol=1e-9)
    n_events = int(event.sum())
    total = n_events * (cox_loss(r, duration, event) + 1)
    torch.testing.assert_close(found.sum(), total, rtol=1e-9, atol=1e-7)


def test_contributions_of_nobody_are_empty():
    nobody = torch.empty(0)
    assert cox_contributions(nobody, nobody, nobody.bool()).shape == (0,)


def test_the_spread_of_contributions_is_the_standard_error_of_a_paired_difference():
    """Against the bootstrap over subjects, for two wrong models of the same outcomes."""
    rng = np.random.default_rng(0)
    x = torch.tensor(rng.normal(size=(400, 3)))
    time = torch.tensor(rng.exponential(np.exp(-x[:, 0].numpy())))
    event = torch.tensor(rng.random(400) < 0.6)
    one, other = x[:, 0] + 0.5 * x[:, 1], 0.6 * x[:, 0] + 0.5 * x[:, 2]
    difference = cox_contributions(one, time, event) - cox_contributions(other, time, event)
    error = float(difference.std()) * 400**0.5 / int(event.sum())
    resampled = []
    for _ in range(1000):
        i = torch.tensor(rng.integers(0, 400, 400))
        resampled.append(float(cox_loss(one[i], time[i], event[i]) - cox_loss(other[i], time[i], event[i])))
    assert error == pytest.approx(np.std(resampled), rel=0.1)


def test_binary_entropy():
    p = np.linspace(0, 1, 11)
    np.testing.assert_allclose(binary_entropy(torch.tensor(p)), [scipy_entropy([q, 1 - q]) for q in p], atol=1e-12)
    outside = binary_entropy(torch.tensor([-1e-7, 1 + 1e-7]))  # of a rotated mask
    assert (outside == 0).all()
