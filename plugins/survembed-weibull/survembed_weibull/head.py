"""Weibull regression of right-censored durations (Kalbfleisch & Prentice 2002, sections 2.2 and 3.6)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from survembed.heads.base import Head
from survembed.survival.batch import Batch

LARGEST = 30.0
"""Logarithm of the cumulative hazard from which it continues as a straight line, so that the loss stays finite."""


class WeibullHead(Head):
    """S(t | z) = exp(−(t / λ)^ρ) with log λ = α + βᵀz: accelerated failure times, and proportional hazards as well.

    The hazard is (ρ / t) (t / λ)^ρ, so what z does to its logarithm is −ρ βᵀz: a positive β lengthens life and lowers
    the log-hazard. `forward` gives that part, which is 0 at z = 0; ψ of a traversal is its gradient −ρ β.

    Parameters
    ----------
    latent_dim
        L.
    """

    takes_entry = True

    log_unit: Tensor
    shortest: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.randn(latent_dim) * 0.1 / latent_dim**0.5)
        self.alpha = nn.Parameter(torch.zeros(1))
        self.log_rho = nn.Parameter(torch.zeros(1))
        self.register_buffer("log_unit", torch.zeros(1, dtype=torch.float64))
        self.register_buffer("shortest", torch.full((1,), 1e-6, dtype=torch.float64))

    def fit_outcome(self, duration: Tensor, event: Tensor) -> None:
        """Begin where all subjects have the exponential hazard of the training part, whatever the unit of time.

        A duration of 0 has no Weibull density. It is taken for half of the shortest one that is longer, as half a day
        where durations are whole days.
        """
        longer = duration[duration > 0].double()
        if len(longer):
            self.log_unit.fill_(longer.sum() / event.sum().clamp(min=1)).log_()
            self.shortest.fill_(longer.min() / 2)

    def forward(self, z: Tensor) -> Tensor:
        """Log-hazards (n,) of latents (n, L), less those of z = 0: −ρ βᵀz, higher dies sooner."""
        return -self.log_rho.exp() * (z * self.beta).sum(-1)

    def loss(self, z: Tensor, batch: Batch) -> Tensor:
        """Mean negative log-likelihood of right-censored durations at latents (n, L).

        −(1/n) Σ event · log h(t) − (t / λ)^ρ + (entry / λ)^ρ, in float64. It needs neither a risk set nor an event.
        """
        log_time = batch.duration.double().clamp(min=self.shortest).log()
        log_rho = self.log_rho.double()
        log_cumulative = self._log_cumulative_hazard(z, log_time)
        log_hazard = log_rho - log_time + log_cumulative
        below = log_cumulative.clamp(max=LARGEST)
        cumulative = below.exp() * (1 + log_cumulative - below)
        if batch.entry is not None:  # survival up to the entry is known
            before = self._log_cumulative_hazard(z, batch.entry.double().log()).clamp(max=LARGEST)
            cumulative = cumulative - before.exp()
        loss: Tensor = (cumulative - (batch.event > 0).double() * log_hazard).mean()
        return loss.to(torch.promote_types(z.dtype, torch.float32))

    def survival(self, z: Tensor, times: Tensor) -> Tensor:
        """S(t | z) (n, T) float64 at `times` (T,): the head's own curve, which has no steps and no end."""
        exponent = self._log_cumulative_hazard(z[:, None], times.double().to(z.device).log())
        return (-exponent.exp()).exp()

    def median_survival(self, z: Tensor) -> Tensor:
        """λ (log 2)^(1/ρ) (n,) float64; NaN where it lies beyond the follow-up."""
        log_rho = self.log_rho.double()
        log_lambda = self.log_unit + self.alpha - self(z).double() * (-log_rho).exp()
        median = (log_lambda + math.log(math.log(2)) * (-log_rho).exp()).exp()
        return torch.where(median <= self.last_time, median, torch.nan)

    def _log_cumulative_hazard(self, z: Tensor, log_time: Tensor) -> Tensor:
        """log H(t | z) = ρ (log t − log λ(z))."""
        return self.log_rho.double().exp() * (log_time - self.log_unit - self.alpha) + self(z).double()
