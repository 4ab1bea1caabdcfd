"""Interval of the survival function of a new subject in a Cox model: variance of baseline and of coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from survembed.survival.kaplan_meier import StepFunction
from survembed.survival.outcome import Float, Outcome

_NEGLIGIBLE = 1e-8
"""Eigenvalue of the information, as a share of the largest, below which a direction carries nothing."""


@dataclass(frozen=True)
class CoxBand:
    """Variance of the cumulative hazard of a linear Cox model by the delta method.

    H(t | z) = H0(t) exp(ψᵀz) has the variance exp(2 ψᵀz) · [Σ d/S0² + qᵀ I⁻¹ q] with q = ∫₀ᵗ (z − z̄(s)) dH0(s), where
    z̄(s) is the mean of z at risk, weighted by exp(ψᵀz), and I the observed information. R's `survfit.coxph` gives it.

    Attributes
    ----------
    times
        (k,) distinct event times.
    hazard
        (k,) H0 from each of them on, for z relative to `centre` and `scale`.
    baseline
        (k,) Σ d/S0².
    drift
        (k, L) ∫ z̄ dH0.
    inverse
        (L, L) I⁻¹; a pseudo-inverse where latents are constant or collinear.
    centre, scale
        (L,) mean and standard deviation of the latents.

    References
    ----------
    Tsiatis, Ann Stat 9 (1981) 93; Therneau, Grambsch, Modeling Survival Data (2000) 10.2.
    """

    times: Float
    hazard: Float
    baseline: Float
    drift: Float
    inverse: Float
    centre: Float
    scale: Float

    @classmethod
    def fit(cls, z: Float, log_hazard: Float, outcome: Outcome) -> CoxBand:
        """From latents (n, L), log-hazards (n,) and outcomes of the subjects behind the baseline; Breslow's ties."""
        centre, deviation = z.mean(axis=0), z.std(axis=0)
        scale = np.where(deviation > 0, deviation, 1.0)
        u, weight = (z - centre) / scale, np.exp(log_hazard - log_hazard.max())
        times, n_events = np.unique(outcome.duration[outcome.event], return_counts=True)
        entry = np.full(len(u), -np.inf) if outcome.entry is None else outcome.entry
        information, steps, means = np.zeros((u.shape[1], u.shape[1])), [], []
        for time, d in zip(times, n_events, strict=True):
            at_risk = (entry < time) & (time <= outcome.duration)
            w, x = weight[at_risk], u[at_risk]
            mean = w @ x / w.sum()
            information += d * ((w[:, None] * x).T @ x / w.sum() - np.outer(mean, mean))
            steps.append(d / w.sum())
            means.append(mean)
        step, mean_at_risk = np.array(steps), np.array(means).reshape(len(times), u.shape[1])
        inverse = np.linalg.pinv(information, rcond=_NEGLIGIBLE, hermitian=True)
        drift = np.cumsum(step[:, None] * mean_at_risk, axis=0)
        baseline = np.cumsum(step**2 / np.maximum(n_events, 1))
        return cls(times, np.cumsum(step), baseline, drift, inverse, centre, scale)

    def relative_error(self, z: Float, times: Float) -> Float:
        """Standard error of log H(t | z), (n, T), of latents z (n, L) at `times` (T,); 0 before the first event."""
        steps = np.vstack([self.hazard, self.baseline, self.drift.T])
        hazard, baseline, *rest = StepFunction(self.times, steps, before=0.0)(times)
        drift, u = np.array(rest).reshape(-1, len(times)), (z - self.centre) / self.scale
        of_z = np.einsum("nl,lm,nm->n", u, self.inverse, u)
        of_drift = np.einsum("lt,lm,mt->t", drift, self.inverse, drift)
        quadratic = np.outer(of_z, hazard**2) - 2 * hazard * (u @ self.inverse @ drift) + of_drift
        variance = np.divide(baseline + quadratic, hazard**2, out=np.zeros_like(quadratic), where=hazard > 0)
        error: Float = np.sqrt(np.maximum(variance, 0.0))
        return error

    def limits(self, survival: Float, z: Float, times: Float, level: float = 0.95) -> tuple[Float, Float]:
        """Lower and upper limit (n, T) of S(t | z), given S itself (n, T): pointwise, on the scale of log(−log S)."""
        from scipy.stats import norm

        width = np.exp(
            np.minimum(float(norm.ppf((1 + level) / 2)) * self.relative_error(z, times), 700.0)
        )  # no overflow
        return survival**width, survival ** (1 / width)
