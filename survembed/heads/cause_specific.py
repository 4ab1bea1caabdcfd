"""Competing causes: a Cox term for each, with its own direction ψ_k in one latent space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from survembed.errors import UsageError
from survembed.heads.base import Head
from survembed.survival.aalen_johansen import cumulative_incidence
from survembed.survival.batch import Batch
from survembed.survival.breslow import BreslowBaseline
from survembed.survival.cox_loss import cox_loss
from survembed.survival.risk_set import RiskSet


class CauseSpecificHead(Head):
    """r_k = ψ_kᵀz for each cause k, by Cox's likelihood in which events of the other causes count as censored.

    The log-hazard is that of the chosen `cause`. For no cause it is that of any event, log Σ_k w_k exp(r_k) with the
    shares w_k of the causes among the training events. S(t) is the probability of no event: exp(−Σ_k H_k(t)).

    Parameters
    ----------
    latent_dim
        L.
    causes
        K, the number of causes.
    ties
        `breslow` or `efron`.

    Attributes
    ----------
    baselines
        Of each cause, from `fit_baseline`.

    References
    ----------
    Prentice et al., Biometrics 34 (1978) 541: cause-specific hazards.
    """

    takes_entry = True

    shares: Tensor
    baselines: list[BreslowBaseline]

    def __init__(self, latent_dim: int, causes: int = 2, ties: Literal["breslow", "efron"] = "breslow") -> None:
        super().__init__()
        self.n_causes, self.ties = causes, ties
        self.psi = nn.Linear(latent_dim, causes, bias=False)
        nn.init.normal_(self.psi.weight, std=0.1 / latent_dim**0.5)
        self.register_buffer("shares", torch.full((causes,), 1 / causes))

    def fit_outcome(self, duration: Tensor, event: Tensor) -> None:
        """Take the share of each cause among the training events.

        Raises
        ------
        UsageError
            When an event has a cause beyond K.
        """
        largest = int(event.max()) if len(event) else 0
        if largest > self.n_causes:
            raise UsageError(
                f"{largest} causes, and a head for {self.n_causes}",
                where=f"head option causes = {self.n_causes}",
                expected="one direction for each cause",
                try_=f"--set head.causes={largest}",
            )
        counts = event.long().bincount(minlength=self.n_causes + 1)[1:].to(self.shares)
        if counts.sum() > 0:
            self.shares.copy_(counts / counts.sum())

    def log_hazards(self, z: Tensor) -> Tensor:
        """r (n, K) of latents (n, L)."""
        hazards: Tensor = self.psi(z)
        return hazards

    def forward(self, z: Tensor) -> Tensor:
        """Log-hazard (n,) of the chosen cause, or of any event, of latents (n, L)."""
        hazards = self.log_hazards(z)
        if self.cause:
            return hazards[:, self.cause - 1]
        return (hazards + self.shares.to(hazards.dtype).clamp(min=1e-30).log()).logsumexp(1)

    def loss(self, z: Tensor, batch: Batch) -> Tensor:
        """Sum over the causes of their Cox terms, each with its share of the events of the batch."""
        if type(batch.risk_set) is not RiskSet:
            raise UsageError(
                "the head cause-specific takes an update in one pass: risk sets of several causes are not exchanged",
                where="train.accumulate, --nproc",
                expected="one micro-batch and one process",
                try_="--set train.accumulate=1, without --nproc",
            )
        by_cause = enumerate(zip(self.shares, self.log_hazards(z).unbind(1), strict=True), start=1)
        terms = [
            share * cox_loss(r, batch.duration, batch.event == number, batch.entry, ties=self.ties)
            for number, (share, r) in by_cause
        ]
        return torch.stack(terms).sum()

    @torch.no_grad()
    def fit_baseline(self, z: Tensor, duration: Tensor, event: Tensor, entry: Tensor | None = None) -> None:
        """Fit Breslow's baseline of each cause on the development set."""
        super().fit_baseline(z, duration, event)
        hazards = self.log_hazards(z).double().cpu().numpy()
        rest = (None if entry is None else entry.cpu().numpy(),)
        codes, time = event.cpu().numpy(), duration.cpu().numpy()
        self.baselines = [
            BreslowBaseline.fit(hazards[:, number], time, codes == number + 1, *rest) for number in range(self.n_causes)
        ]

    def baseline_arrays(self) -> dict[str, NDArray[np.float64]]:
        """Breslow's baseline of each cause."""
        numbered = enumerate(self.baselines, start=1)
        parts = [
            {f"times_{number}": each.times, f"log_cumulative_hazard_{number}": each.log_cumulative_hazard}
            for number, each in numbered
        ]
        return {name: values for part in parts for name, values in part.items()}

    def take_baseline(self, arrays: Mapping[str, NDArray[np.float64]], last_time: float) -> None:
        """Take Breslow's baseline of each cause."""
        super().take_baseline(arrays, last_time)
        self.baselines = [
            BreslowBaseline(arrays[f"times_{number}"], arrays[f"log_cumulative_hazard_{number}"], last_time)
            for number in range(1, self.n_causes + 1)
        ]

    @torch.no_grad()
    def survival(self, z: Tensor, times: Tensor) -> Tensor:
        """Probability (n, T) float64 of no event of any cause by `times` (T,); NaN beyond the follow-up."""
        return self._curves(z, times)[1]

    @torch.no_grad()
    def incidence(self, z: Tensor, times: Tensor) -> Tensor:
        """Cumulative incidence of each cause (K, n, T) float64; NaN beyond the follow-up."""
        return self._curves(z, times)[0]

    def _curves(self, z: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        hazards = self.log_hazards(z).double().cpu().numpy()
        incidence, survival = cumulative_incidence(self.baselines, hazards, times.cpu().numpy())
        return torch.from_numpy(incidence), torch.from_numpy(survival)
