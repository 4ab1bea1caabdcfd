"""DeepSurv's head: a multilayer perceptron (Katzman et al. 2018, doi:10.1186/s12874-018-0482-1)."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from survembed.heads.base import CoxHead, hazard_axes


def perceptron(sizes: tuple[int, ...], outputs: int, dropout: float, *, bias: bool = True) -> nn.Sequential:
    """Layers of `sizes`, input first, with SiLU and dropout after each hidden one; the last may have no bias."""
    layers: list[nn.Module] = []
    for size, following in pairwise(sizes):
        layers += [nn.Linear(size, following), nn.SiLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], outputs, bias=bias))


class MLPHead(CoxHead):
    """r = MLP(z), smooth (SiLU), so that the gradient along which the hazard rises exists everywhere.

    Parameters
    ----------
    latent_dim
        L.
    hidden
        Sizes of the hidden layers.
    dropout
        After each hidden layer, in training.
    ties
        `breslow` or `efron`.
    axes
        Number of latent dimensions, the first ones, that the hazard depends on; 0 for all.
    """

    def __init__(
        self,
        latent_dim: int,
        hidden: tuple[int, ...],
        dropout: float = 0.0,
        ties: Literal["breslow", "efron"] = "breslow",
        axes: int = 0,
    ) -> None:
        super().__init__(ties)
        self.axes = hazard_axes(latent_dim, axes)
        self.layers = perceptron((self.axes, *hidden), 1, dropout, bias=False)

    def forward(self, z: Tensor) -> Tensor:
        """Log-hazards (n,) of latents (n, L)."""
        hazard: Tensor = self.layers(z[:, : self.axes])
        return hazard.squeeze(-1)
