"""Clinical covariates beside the latents: log-hazard = r(z) + γᵀx around any Cox head."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from survembed.errors import PluginError
from survembed.heads.base import Breslow, CoxHead
from survembed.survival.batch import Batch
from survembed.survival.risk_set import Shifted


class CovariateHead(Breslow):
    """Adds γᵀx to the log-hazard of a Cox head; γ has no penalty.

    Wherever a head takes latents (n, L), this one takes [z, x] (n, L + P), or z alone: then x = 0, which is the
    reference subject of the encoder.

    Parameters
    ----------
    inner
        Head of the latents.
    latent_dim
        L.
    n_covariates
        P, the encoded columns.

    Attributes
    ----------
    gamma
        (P,) log hazard ratio for one unit of each encoded column.
    """

    def __init__(self, inner: CoxHead, latent_dim: int, n_covariates: int) -> None:
        super().__init__()
        self.inner, self.latent_dim, self.ties = inner, latent_dim, inner.ties
        self.gamma = nn.Parameter(torch.zeros(n_covariates))

    def fit_outcome(self, duration: Tensor, event: Tensor) -> None:
        """Hand the outcome of the training part to the inner head."""
        self.inner.fit_outcome(duration, event)

    def forward(self, z: Tensor) -> Tensor:
        """Log-hazards (n,) of [z, x] (n, L + P), or of z (n, L) at the reference covariates."""
        hazard: Tensor = self.inner(z[:, : self.latent_dim])
        return hazard + z[:, self.latent_dim :] @ self.gamma if z.shape[1] > self.latent_dim else hazard

    def loss(self, z: Tensor, batch: Batch) -> Tensor:
        """The loss of the inner head, with γᵀx added to the log-hazards of its risk set."""
        assert batch.covariates is not None
        risk_set = Shifted(batch.risk_set, batch.covariates @ self.gamma)
        loss = self.inner.loss(z, replace(batch, risk_set=risk_set))
        if not risk_set.used:
            raise PluginError(
                f"the loss of {type(self.inner).__name__} does not use the risk set of the batch",
                where="--covariates",
                expected="a head whose loss calls batch.risk_set.join, as CoxHead.loss does",
            )
        return loss
