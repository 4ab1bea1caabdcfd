"""Weibull regression of right-censored durations (Kalbfleisch & Prentice 2002, sections 2.2 and 3.6)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from survembed.heads.base import Head
from survembed.survival.batch import Batch
from survembed_weibull.line import fit_line

LARGEST = 30.0
"""Logarithm of the cumulative hazard from which it continues as a straight line, so that the loss stays finite."""


class WeibullHead(Head):
    """S(t | z) = exp(−(t / λ)^ρ) with log λ = α + βᵀz: accelerated failure times, and proportional hazards as well.

    The hazard is (ρ / t) (t / λ)^ρ, so what z does to its logarithm is −ρ βᵀz: a positive β lengthens life and lowers
    the log-hazard. `forward` gives that part, which is 0 at z = 0; ψ of a traversal is its gradient −ρ β.

    Training stops where the whole model is best, before α and ρ have settled: `fit_baseline` fits both to the end, with
    the log-hazards as they are, as Breslow's estimate does for a Cox head.

    Parameters
    ----------
    latent_dim
        L.

    Attributes
    ----------
    line
        ρ and log H at z = 0 and the mean time per event, from `fit_baseline`; before it those of the training.
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
        self._line: tuple[float, float] | None = None

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

    @torch.no_grad()
    def fit_baseline(self, z: Tensor, duration: Tensor, event: Tensor, entry: Tensor | None = None) -> None:
        """Fit ρ and the level to the development set by maximum likelihood, at the log-hazards of z (n, L)."""
        super().fit_baseline(z, duration, event)
        times = [
            duration.double().clamp(min=self.shortest.to(duration.device)),
            *([] if entry is None else [entry.double()]),
        ]
        logs = [(each.cpu().log() - self.log_unit.cpu()).numpy() for each in times]
        self._line = fit_line(self(z).double().cpu().numpy(), event.cpu().numpy() > 0, *logs, start=self._trained())

    def baseline_arrays(self) -> dict[str, NDArray[np.float64]]:
        """ρ and the level."""
        return {"line": np.array(self.line)}

    def take_baseline(self, arrays: Mapping[str, NDArray[np.float64]], last_time: float) -> None:
        """Take ρ and the level."""
        super().take_baseline(arrays, last_time)
        rho, level = arrays["line"].tolist()
        self._line = rho, level

    @property
    def line(self) -> tuple[float, float]:
        """ρ, and log H(t | z = 0) at the mean time per event."""
        return self._line or self._trained()

    def _trained(self) -> tuple[float, float]:
        rho = float(self.log_rho.detach().double().exp())
        return rho, -rho * float(self.alpha.detach())

    def survival(self, z: Tensor, times: Tensor) -> Tensor:
        """S(t | z) (n, T) float64 at `times` (T,): the head's own curve, which has no steps and no end."""
        rho, level = self.line
        log_time = times.double().to(z.device).log() - self.log_unit
        return (-(rho * log_time + level + self(z).double()[:, None]).exp()).exp()

    def median_survival(self, z: Tensor) -> Tensor:
        """λ (log 2)^(1/ρ) (n,) float64; NaN where it lies beyond the follow-up."""
        rho, level = self.line
        median = (self.log_unit + (math.log(math.log(2)) - level - self(z).double()) / rho).exp()
        return torch.where(median <= self.last_time, median, torch.nan)

    def _log_cumulative_hazard(self, z: Tensor, log_time: Tensor) -> Tensor:
        """log H(t | z) = ρ (log t − log λ(z))."""
        return self.log_rho.double().exp() * (log_time - self.log_unit - self.alpha) + self(z).double()
