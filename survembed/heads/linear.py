"""The paper's Cox head: r = ψᵀz."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from survembed.heads.base import CoxHead


class LinearHead(CoxHead):
    """r = ψᵀz, no bias: a constant cancels in Cox's likelihood.

    ψ starts small (standard deviation 0.1/√L, where a usual layer starts at ±1/√L): at the paper's rate of 1e-5 a
    weight moves by at most about 0.16, and would else largely show its initialisation (settled point 8).

    Parameters
    ----------
    latent_dim
        L.
    ties
        `breslow` or `efron`.
    """

    def __init__(self, latent_dim: int, ties: Literal["breslow", "efron"] = "breslow") -> None:
        super().__init__(ties)
        self.psi = nn.Linear(latent_dim, 1, bias=False)
        nn.init.normal_(self.psi.weight, std=0.1 / latent_dim**0.5)

    def forward(self, z: Tensor) -> Tensor:
        """Log-hazards (n,) of latents (n, L)."""
        hazard: Tensor = self.psi(z)
        return hazard.squeeze(-1)
