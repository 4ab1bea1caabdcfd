"""Cox heads by name: from latents to the log-hazard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import field_validator

from survembed.registry.component import Component, option

if TYPE_CHECKING:
    from survembed.heads.base import Head


class Cox(Component):
    """Options of every Cox head."""

    ties: Literal["breslow", "efron"] = option("breslow", help="Treatment of tied event times.")
    axes: int = option(
        0,
        ge=0,
        help="Latent dimensions that carry the hazard, the first ones: 1 puts it on z0 alone. The others do not change "
        "it. 0 means all.",
    )


class Linear(Cox):
    """Linear Cox head without bias: one weight, and one hazard ratio, for each latent dimension."""

    def build(self, latent_dim: int) -> Head:
        """The head for latents (n, latent_dim)."""
        from survembed.heads.linear import LinearHead

        return LinearHead(latent_dim, self.ties, self.axes)


class MLP(Cox):
    """DeepSurv head: a multilayer perceptron of the latents."""

    hidden: tuple[int, ...] = option((32, 32), help="Sizes of the hidden layers, such as 32,32.")
    dropout: float = option(0.1, ge=0, lt=1, help="Dropout after each hidden layer.")

    @field_validator("hidden", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("hidden")
    @classmethod
    def _positive(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(size < 1 for size in value):
            raise ValueError("sizes of 1 or more")
        return value

    def build(self, latent_dim: int) -> Head:
        """The head for latents (n, latent_dim)."""
        from survembed.heads.mlp import MLPHead

        return MLPHead(latent_dim, self.hidden, self.dropout, self.ties, self.axes)
