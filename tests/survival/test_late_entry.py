"""Late entry in every estimator: lifelines' `entry_col` on public data, loops, and the bias of ignoring it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.datasets import load_gbsg2, load_rossi, load_stanford_heart_transplants

from survembed.errors import UsageError
from survembed.survival.breslow import BreslowBaseline
from survembed.survival.brier import brier_curve, integrated_brier_score
from survembed.survival.concordance import NO_FORM, harrell_c, time_dependent_auc, uno_c
from survembed.survival.cox_inference import fit_cox_on_latents
from survembed.survival.cox_loss import cox_contributions, cox_loss
from survembed.survival.kaplan_meier import censoring_survival, kaplan_meier, kaplan_meier_band
from survembed.survival.outcome import Float, Outcome
from survembed.survival.risk_groups import group_curves, log_rank, n_at_risk
from survembed.survival.risk_set import Collecting, Rows, Surrounding
from survembed.survival.scaler import LatentScaler

Data = tuple[Float, Outcome]


def heart() -> Data:
    """Stanford's heart transplants in start-stop form: a row is at risk from its start on."""
    frame = load_stanford_heart_transplants()
    frame = frame[frame["start"] < frame["stop"]]
    x = frame[["age", "year", "transplant"]].to_numpy(float)
    columns = [frame[name].to_numpy() for name in ("stop", "event", "start")]
    return x, Outcome(columns[0].astype(float), columns[1].astype(bool), columns[2].astype(float))


def _planted_entries(x: Float, duration: Float, event: Float) -> Outcome:
    entry = np.floor(np.random.default_rng(0).uniform(0, 0.8, len(x)) * duration)
    return Outcome(duration, event.astype(bool), entry)


def rossi() -> Data:
    frame = load_rossi()
    x = frame.drop(columns=["week", "arrest"]).to_numpy(float)
    return x, _planted_entries(x, frame["week"].to_numpy(float), frame["arrest"].to_numpy())


def gbsg2() -> Data:
    frame = load_gbsg2()
    x = np.log1p(frame[["age", "tsize", "pnodes", "progrec"]].to_numpy(float))
    return x, _planted_entries(x, frame["time"].to_numpy(float), frame["cens"].to_numpy())


@pytest.fixture(params=[heart, rossi, gbsg2])
def data(request: pytest.FixtureRequest) -> Data:
    made: Callable[[], Data] = request.param
    return made()


def framed(x: Float, outcome: Outcome) -> pd.DataFrame:
    frame = pd.DataFrame(x, columns=[f"x{number}" for number in range(x.shape[1])])
    return frame.assign(duration=outcome.duration, event=outcome.event.astype(int), entry=outcome.entry)


def lifelines_cox(x: Float, outcome: Outcome) -> CoxPHFitter:
    options: dict[str, Any] = {"duration_col": "duration", "event_col": "event", "entry_col": "entry"}
    return CoxPHFitter(baseline_estimation_method="breslow").fit(
        framed(x, outcome), **options, fit_options={"precision": 1e-11}
    )


def newton(x: Float, outcome: Outcome) -> Float:
    """Minimum of our own loss, Efron's as in lifelines."""
    z, columns = torch.from_numpy(x), [torch.from_numpy(each) for each in outcome]
    beta = torch.zeros(x.shape[1], dtype=torch.float64)

    def loss(at: torch.Tensor) -> torch.Tensor:
        return cox_loss(z @ at, *columns, ties="efron")

    for _ in range(12):
        gradient = torch.autograd.functional.jacobian(loss, beta)
        beta = beta - torch.linalg.solve(torch.autograd.functional.hessian(loss, beta), gradient)
    return beta.numpy()


def test_coefficients_are_those_of_lifelines(data: Data) -> None:
    x, outcome = data
    x = (x - x.mean(0)) / x.std(0)
    np.testing.assert_allclose(newton(x, outcome), lifelines_cox(x, outcome).params_, atol=1e-6)


def test_baseline_by_a_loop(data: Data) -> None:
    """lifelines 0.30 fits the coefficients with the entries, and its baseline without them."""
    x, outcome = data
    r = 0.3 * ((x - x.mean(0)) / x.std(0)).sum(1)
    assert outcome.entry is not None
    hazards = [
        (outcome.event & (outcome.duration == t)).sum() / np.exp(r[(outcome.entry < t) & (t <= outcome.duration)]).sum()
        for t in np.unique(outcome.duration[outcome.event])
    ]
    baseline = BreslowBaseline.fit(r, *outcome)
    np.testing.assert_allclose(np.exp(baseline.log_cumulative_hazard), np.cumsum(hazards), rtol=1e-9)


def test_kaplan_meier_and_its_band_are_those_of_lifelines(data: Data) -> None:
    _, outcome = data
    peer = KaplanMeierFitter().fit(outcome.duration, outcome.event, entry=outcome.entry)
    times = np.unique(outcome.duration)
    expected = peer.survival_function_at_times(times).to_numpy()
    np.testing.assert_allclose(kaplan_meier(*outcome)(times), expected, atol=1e-10)
    inside = (expected > 0) & (expected < 1)
    low, high = kaplan_meier_band(*outcome).values[1:]
    table = peer.confidence_interval_.loc[times].to_numpy().T
    np.testing.assert_allclose([low[inside], high[inside]], table[:, inside], atol=1e-6)
    table = peer.event_table.loc[times]
    assert n_at_risk(outcome, times).tolist() == table["at_risk"].tolist() or _by_loop(outcome, times)


def _by_loop(outcome: Outcome, times: Float) -> bool:
    assert outcome.entry is not None
    counted = [int(((outcome.entry < t) & (t <= outcome.duration)).sum()) for t in times]
    return n_at_risk(outcome, times).tolist() == counted


def small(seed: int = 0, n: int = 40) -> tuple[Float, Outcome]:
    rng = np.random.default_rng(seed)
    duration = rng.integers(2, 12, n).astype(float)
    entry = np.floor(rng.uniform(0, 1, n) * duration)
    return rng.normal(size=n), Outcome(duration, rng.random(n) < 0.6, entry)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_loss_by_a_loop(ties: Any) -> None:
    r, (duration, event, entry) = small()
    assert entry is not None
    total = 0.0
    for t in np.unique(duration[event]):
        tied = np.flatnonzero(event & (duration == t))
        at_risk = np.exp(r[(entry < t) & (t <= duration)]).sum()
        for rank in range(len(tied)):
            lowered = rank / len(tied) * np.exp(r[tied]).sum() if ties == "efron" else 0.0
            total += np.log(at_risk - lowered)
        total -= r[tied].sum()
    loss = cox_loss(*map(torch.from_numpy, (r, duration, event, entry)), ties=ties)
    assert float(loss) == pytest.approx(total / event.sum(), rel=1e-12)


def test_contributions_add_up_to_the_loss_and_vanish_never_at_risk() -> None:
    r, outcome = small()
    tensors = [torch.from_numpy(each) for each in (r, *outcome)]
    total = float(cox_contributions(*tensors).sum())
    assert total == pytest.approx(int(outcome.event.sum()) * (float(cox_loss(*tensors)) + 1), rel=1e-12)
    none = cox_contributions(*tensors[:3], torch.zeros(len(r)))
    torch.testing.assert_close(none, cox_contributions(*tensors[:3]))


def test_entries_of_0_change_nothing() -> None:
    r, outcome = small()
    started, since = replace(outcome, entry=None), replace(outcome, entry=np.zeros(len(r)))
    one, other = ([torch.from_numpy(each) for each in (r, *o) if each is not None] for o in (started, since))
    torch.testing.assert_close(cox_loss(*one), cox_loss(*other))
    np.testing.assert_allclose(kaplan_meier(*started).values, kaplan_meier(*since).values)
    np.testing.assert_allclose(censoring_survival(*started).values, censoring_survival(*since).values)
    assert harrell_c(started, r, n_resamples=9) == harrell_c(since, r, n_resamples=9)
    group = (r > 0).astype(np.int64)
    assert log_rank(started, group) == log_rank(since, group)


def test_micro_batches_see_the_whole_risk_set() -> None:
    r, outcome = small()
    rows = Rows(*map(torch.from_numpy, (r, *outcome)))
    parts = [Rows(*(each[some] for each in rows)) for some in (slice(0, 15), slice(15, None))]  # type: ignore[index]
    collecting = Collecting()
    for part in parts:
        collecting.join(part)
    everyone = Rows(*(torch.cat(columns) for columns in zip(*collecting.rows, strict=True)))
    joined, factor = Surrounding(everyone, 15).join(parts[1])
    assert factor == 40 / 25
    torch.testing.assert_close(cox_loss(*joined), cox_loss(*rows))


@pytest.mark.parametrize("seed", range(3))
def test_harrell_by_a_loop(seed: int) -> None:
    r, outcome = small(seed)
    duration, event, entry = outcome
    assert entry is not None
    concordant = comparable = 0.0
    for i in np.flatnonzero(event):
        for j in range(len(r)):
            later = duration[j] > duration[i] or (duration[j] == duration[i] and not event[j])
            if later and entry[j] < duration[i]:
                comparable += 1
                concordant += (r[i] > r[j]) + (r[i] == r[j]) / 2
    assert harrell_c(outcome, r, n_resamples=0).value == pytest.approx(concordant / comparable, rel=1e-12)
    assert np.isfinite(harrell_c(outcome, r, n_resamples=20).low)


def test_log_rank_is_the_score_test_of_lifelines_groups() -> None:
    """The curves of groups are Kaplan–Meier's with the entries of their own subjects."""
    r, outcome = small(1, 200)
    group = (r > 0).astype(np.int64)
    assert outcome.entry is not None
    for number, curve in enumerate(group_curves(outcome, group)):
        own = group == number
        peer = KaplanMeierFitter().fit(outcome.duration[own], outcome.event[own], entry=outcome.entry[own])
        np.testing.assert_allclose(curve.survival, peer.survival_function_at_times(curve.times), atol=1e-10)
    observed = expected = variance = 0.0
    for t in np.unique(outcome.duration[outcome.event]):
        at_risk = (outcome.entry < t) & (t <= outcome.duration)
        d, n, n1 = (outcome.event & (outcome.duration == t)).sum(), at_risk.sum(), (at_risk & (group == 1)).sum()
        observed += (outcome.event & (outcome.duration == t) & (group == 1)).sum()
        expected += d * n1 / n
        variance += d * (n1 / n) * (1 - n1 / n) * (n - d) / max(n - 1, 1)
    tested = log_rank(outcome, group)
    assert tested is not None
    assert tested.statistic == pytest.approx((observed - expected) ** 2 / variance, rel=1e-9)


def test_scores_with_censoring_weights_are_refused_with_the_reason() -> None:
    r, outcome = small()
    times = np.array([3.0, 5.0])
    survival = np.full((len(r), 2), 0.5)
    for metric in (
        uno_c(outcome, outcome, r, 6.0),
        time_dependent_auc(outcome, outcome, r, 5.0),
        integrated_brier_score(outcome, outcome, survival, times),
    ):
        assert (np.isnan(metric.value), metric.reason) == (True, NO_FORM)
    with pytest.raises(UsageError, match="late entry"):
        brier_curve(outcome, outcome, survival, times)


def test_refitted_hazard_ratios_heed_the_entries() -> None:
    x, outcome = rossi()
    fit = fit_cox_on_latents(x, outcome, LatentScaler().fit(x))
    peer = lifelines_cox((x - x.mean(0)) / x.std(0), outcome)
    for dimension, ratio in fit.ratios.items():
        assert np.log(ratio.value) == pytest.approx(peer.params_[f"x{dimension}"], abs=1e-4)


def test_ignoring_late_entry_is_biased_and_heeding_it_is_not() -> None:
    """Prevalent cases: only who lives up to the entry is seen, and x raises the hazard and brings the entry forward."""
    rng = np.random.default_rng(0)
    n, beta = 60_000, 1.0
    x = rng.normal(size=n)
    life, entry = rng.exponential(np.exp(-beta * x)), rng.exponential(np.exp(-0.8 * x)) * 0.7
    seen = life > entry
    x, life, entry = x[seen][:3000], life[seen][:3000], entry[seen][:3000]
    censoring = entry + rng.exponential(2.0, len(x))
    outcome = Outcome(np.minimum(life, censoring), life <= censoring, entry)
    heeding, ignoring = newton(x[:, None], outcome)[0], newton_ignoring(x, outcome)
    assert heeding == pytest.approx(beta, abs=0.07)
    assert abs(ignoring - beta) > 0.2
    true = np.mean(np.exp(-np.exp(beta * rng.normal(size=100_000))))  # S(1) of all, not of those seen
    naive = float(kaplan_meier(outcome.duration, outcome.event)(1.0))
    assert naive > true + 0.05


def newton_ignoring(x: Float, outcome: Outcome) -> float:
    return float(newton(x[:, None], replace(outcome, entry=np.zeros(len(x))))[0])
