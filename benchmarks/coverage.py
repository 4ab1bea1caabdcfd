"""Coverage of survival bands and of conformal lower bounds on simulated cohorts: `python benchmarks/coverage.py`.

Bands: share of new subjects and times at which the true S(t | z) lies between the limits, for a linear Cox head at the
optimum of its loss. Bounds: share of new subjects who live beyond their bound, for models that are right, wrong
(hazards that are not proportional), and overfitted (20 columns of noise). `--cohorts N` simulates more of each.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import torch

from survembed.survival.breslow import BreslowBaseline
from survembed.survival.conformal import SurvivalBound
from survembed.survival.cox_band import CoxBand
from survembed.survival.cox_loss import cox_loss
from survembed.survival.outcome import Float, Outcome

LEVELS = (0.80, 0.95)
CENSORING = (0.3, 0.55, 0.8)
BETA = np.array([0.8, -0.5, 0.3])


def newton(z: Float, outcome: Outcome) -> Float:
    """Coefficients at the optimum of the Cox loss."""
    x, columns = torch.from_numpy(z), [torch.from_numpy(each) for each in outcome]
    beta = torch.zeros(z.shape[1], dtype=torch.float64)
    for _ in range(8):
        gradient, hessian = (
            derivative(lambda at: cox_loss(x @ at, *columns), beta)
            for derivative in (torch.autograd.functional.jacobian, torch.autograd.functional.hessian)
        )
        beta = beta - torch.linalg.solve(hessian + 1e-9 * torch.eye(len(beta)), gradient)
    return beta.numpy()


def proportional(z: Float, rng: np.random.Generator) -> Float:
    return np.asarray((rng.exponential(np.exp(-z[:, :3] @ BETA))) ** 0.7)


def crossing(z: Float, rng: np.random.Generator) -> Float:
    """Log-normal lives, whose spread depends on z."""
    return np.asarray(np.exp(0.5 * z[:, 0] + np.exp(0.4 * z[:, 1]) * rng.normal(size=len(z))))


def observed(life: Float, z: Float, share: float, rng: np.random.Generator) -> Outcome:
    """Censored at times that depend on the covariates, about `share` of all subjects."""
    unit = rng.exponential(np.exp(-0.5 * z[:, 0]))
    low, high = 1e-4, 1e4
    for _ in range(60):
        scale = np.sqrt(low * high)
        low, high = (scale, high) if (unit * scale < life).mean() > share else (low, scale)
    return Outcome(np.minimum(life, unit * low), life <= unit * low)


def fitted(z: Float, outcome: Outcome) -> tuple[Float, BreslowBaseline]:
    beta = newton(z, outcome)
    return beta, BreslowBaseline.fit(z @ beta, *outcome)


def band_coverage(share: float, seed: int, n: int = 300) -> list[float]:
    """Shares covered, one for each level."""
    rng = np.random.default_rng(seed)
    z, new = rng.normal(size=(n, 3)), rng.normal(size=(200, 3))
    outcome = observed(proportional(z, rng), z, share, rng)
    beta, baseline = fitted(z, outcome)
    times = np.quantile(outcome.duration[outcome.event], [0.25, 0.5, 0.75])
    true = np.exp(-np.exp(new @ BETA)[:, None] * times ** (1 / 0.7))
    band, survival = CoxBand.fit(z, z @ beta, outcome), baseline.survival(new @ beta, times)
    shares = []
    for level in LEVELS:
        low, high = band.limits(survival, new, times, level)
        shares.append(float(((low <= true) & (true <= high)).mean()))
    return shares


def bound_coverage(
    lives: Callable[[Float, np.random.Generator], Float], noise: int, share: float, seed: int, n: int = 400
) -> list[float]:
    """Shares of new subjects who live beyond their bound, one for each level."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(2 * n + 2000, 3 + noise))
    train, held, new = z[:n], z[n : 2 * n], z[2 * n :]
    beta, baseline = fitted(train, observed(lives(train, rng), train, share, rng))
    outcome, life = observed(lives(held, rng), held, share, rng), lives(new, rng)
    at_end = np.exp(-np.exp(held @ beta) * np.exp(_log_h0(baseline, outcome.duration)))
    grid = baseline.times
    survival = baseline.survival(new @ beta, grid)
    bounds = [SurvivalBound.fit(at_end, held @ beta, outcome, level).times(survival, grid) for level in LEVELS]
    return [float((life >= bound).mean()) for bound in bounds]


def _log_h0(baseline: BreslowBaseline, at: Float) -> Float:
    values = np.concatenate([[-np.inf], baseline.log_cumulative_hazard])
    return np.asarray(values[np.searchsorted(baseline.times, at, side="right")])


COHORTS = {"right": (proportional, 0), "overfitted": (proportional, 20), "not proportional": (crossing, 0)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=100, help="Simulated cohorts in each row.")
    n = parser.parse_args().cohorts
    print("| what | model | censored | wanted 80 % | wanted 95 % |\n|---|---|---|---|---|")
    rows: list[tuple[str, str, Callable[[float, int], list[float]]]] = [("band of S(t)", "right", band_coverage)]
    for name, (lives, noise) in COHORTS.items():
        rows.append(
            (
                "lower bound",
                name,
                lambda share, seed, lives=lives, noise=noise: bound_coverage(lives, noise, share, seed),
            )  # type: ignore[misc]
        )
    for what, model, measure in rows:
        for share in CENSORING:
            measured = np.array([measure(share, seed) for seed in range(n)])
            error = measured.std(axis=0) / np.sqrt(n)
            cells = [f"{100 * m:.1f} ± {100 * e:.1f}" for m, e in zip(measured.mean(axis=0), error, strict=True)]
            print(f"| {what} | {model} | {100 * share:.0f} % | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
