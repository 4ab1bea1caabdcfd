"""The paper's Cox head, r = ψᵀz, over all latent dimensions or over the first ones alone."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from survembed.heads.base import CoxHead, hazard_axes


class LinearHead(CoxHead):
    """r = ψᵀz, no bias: a constant cancels in Cox's likelihood.

    ψ starts small (standard deviation 0.1/√L, where a usual layer starts at ±1/√L): at the paper's rate of 1e-5 a
    weight moves by at most about 0.16, and would else largely show its initialisation (settled point 8).

    With hazard axes, r = Σ ψᵢzᵢ over the first `axes` dimensions: ψ of the others is 0 exactly (settled point 16). It
    starts at 1/√axes: from 0.03 the hazard is not learnt in some trainings with a heavy reconstruction. The sign is no
    restriction, as the encoder chooses that of z.

    Parameters
    ----------
    latent_dim
        L.
    ties
        `breslow` or `efron`.
    axes
        Number of hazard axes; 0 for all dimensions.
    """

    def __init__(self, latent_dim: int, ties: Literal["breslow", "efron"] = "breslow", axes: int = 0) -> None:
        super().__init__(ties)
        self.axes = hazard_axes(latent_dim, axes)
        self.psi = nn.Linear(self.axes, 1, bias=False)
        if axes:
            nn.init.constant_(self.psi.weight, self.axes**-0.5)
        else:
            nn.init.normal_(self.psi.weight, std=0.1 / latent_dim**0.5)

    def forward(self, z: Tensor) -> Tensor:
        """Log-hazards (n,) of latents (n, L)."""
        hazard: Tensor = self.psi(z[:, : self.axes])
        return hazard.squeeze(-1)
