"""Checks of a downstream model: valid risks and survival curves."""

from __future__ import annotations

from typing import Any

import numpy as np

from survembed.downstream.base import FittedDownstream, SurvivalEstimator, fit_downstream
from survembed.survival.concordance import harrell_c
from survembed.survival.outcome import Float, Outcome, to_structured
from survembed.testing.case import Check, ComponentUnderTest, no_trace, require
from survembed.testing.planted import planted_latents


def built(case: ComponentUnderTest, seed: int = 0) -> SurvivalEstimator:
    """The estimator, not yet fitted."""
    estimator: Any = case.make().build(seed)
    for method in ("fit", "predict"):
        require(callable(getattr(estimator, method, None)), f"{type(estimator).__name__} has no {method}()")
    return estimator  # type: ignore[no-any-return]  # just probed


def fitted(case: ComponentUnderTest, seed: int = 0) -> FittedDownstream:
    """The estimator, fitted on planted latents."""
    return fit_downstream(built(case, seed), *planted_latents(200))


def times_of(outcome: Outcome) -> Float:
    """Fifty times within follow-up."""
    return np.linspace(0.0, float(outcome.duration.max()), 50)


def shapes(case: ComponentUnderTest) -> None:
    """Latents (n, L) float32 give risks (n,) and curves (n, T), for any n and L, one subject alone among them."""
    for latent_dim in (1, 3):
        z, outcome = planted_latents(200, latent_dim=latent_dim)
        model = fit_downstream(built(case), z, outcome)
        times = times_of(outcome)
        for n in (1, 7):
            risk = model.risk(z[:n])
            require(risk.shape == (n,), f"risks of latents ({n}, {latent_dim}) have shape {risk.shape}, not ({n},)")
            survival = model.survival(z[:n], times)
            require(survival.shape == (n, 50), f"survival at 50 times has shape {survival.shape}, not ({n}, 50)")
        require(np.allclose(model.risk(z[:1]), model.risk(z[:7])[:1]), "a subject's risk depends on the others")


def extremes(case: ComponentUnderTest) -> None:
    """Latents far from the training part, a constant latent, tied durations and one event give finite risks."""
    z, outcome = planted_latents(200)
    require(np.isfinite(fitted(case).risk(100 * z)).all(), "risks of latents a hundred times as large are not finite")
    collapsed = np.column_stack([z, np.full(len(z), 3.0, np.float32)])
    require(
        np.isfinite(fit_downstream(built(case), collapsed, outcome).risk(collapsed)).all(),
        "a constant latent spoils it",
    )
    months = Outcome(np.ceil(outcome.duration / 300), outcome.event)
    require(np.isfinite(fit_downstream(built(case), z, months).risk(z)).all(), "tied durations spoil it")
    single = Outcome(outcome.duration, np.arange(len(z)) == int(np.argmin(outcome.duration)))
    require(np.isfinite(fit_downstream(built(case), z, single).risk(z)).all(), "a single event spoils it")


def survival_curves(case: ComponentUnderTest) -> None:
    """S(t) is 1 at first, never rises, stays in [0, 1], and is lower where the risk is higher."""
    z, outcome = planted_latents(200)
    model = fitted(case)
    survival = model.survival(z, times_of(outcome))
    require(np.isfinite(survival).all(), "S(t) is not finite within the training follow-up")
    require((survival >= 0).all() and (survival <= 1).all(), f"S(t) runs from {survival.min():g} to {survival.max():g}")
    rise = float(np.diff(survival, axis=1).max())
    require(rise <= 1e-9, f"S(t) rises by {rise:g}")
    require(np.allclose(survival[:, 0], 1), "S(0) is not 1")
    risk = model.risk(z)
    agreement = np.corrcoef(np.argsort(np.argsort(risk)), np.argsort(np.argsort(survival.sum(axis=1))))[0, 1]
    require(agreement < -0.5, f"higher risks do not go with lower survival: rank correlation {agreement:+.2f}")


def same_seed_same_result(case: ComponentUnderTest) -> None:
    """Risks and curves are a function of data and seed, independent of estimators built before."""
    z, outcome = planted_latents(200)
    one, again = fitted(case, seed=1), fitted(case, seed=1)
    require(np.array_equal(one.risk(z), again.risk(z)), "the same seed gives other risks")
    times = times_of(outcome)
    require(np.array_equal(one.survival(z, times), again.survival(z, times)), "the same seed gives other curves")
    component = case.make()
    require(component.build(0) is not component.build(0), "build() gives the same estimator twice")


def leaves_no_trace(case: ComponentUnderTest) -> None:
    """Global random states and input arrays do not change."""
    z, outcome = planted_latents(200)
    y = to_structured(*outcome)
    before = z.copy(), y.copy()
    with no_trace("fitting"):
        estimator = built(case)
        estimator.fit(z, y)
    with no_trace("predicting"):
        estimator.predict(z)
    same = np.array_equal(before[0], z) and np.array_equal(before[1], y)
    require(same, "the estimator changes the arrays given to it")


def sign_of_the_hazard(case: ComponentUnderTest) -> None:
    """A higher risk means an earlier event, also for subjects outside the training data."""
    z, outcome = planted_latents(200, seed=1)
    c = harrell_c(outcome, fitted(case).risk(z), n_resamples=0).value
    require(
        c > 0.6, f"C is {c:.2f} on planted data where 0.85 is possible" + (": the sign is wrong" if c < 0.4 else "")
    )


CHECKS: tuple[Check, ...] = (
    shapes,
    extremes,
    survival_curves,
    same_seed_same_result,
    leaves_no_trace,
    sign_of_the_hazard,
)
