"""Heads by name: from latents to the log-hazard and to survival functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BeforeValidator

from survembed.registry.component import Component, option

if TYPE_CHECKING:
    from survembed.heads.base import Head

AXES = (
    "Latent dimensions that carry the hazard, the first ones: 1 puts it on z0 alone. The others do not change it. 0 "
    "means all."
)


def _split(value: object) -> object:
    return tuple(part for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _sizes(value: tuple[int, ...]) -> tuple[int, ...]:
    if any(size < 1 for size in value):
        raise ValueError("sizes of 1 or more")
    return value


def _increasing(value: tuple[float, ...]) -> tuple[float, ...]:
    if any(right <= left for left, right in zip((0.0, *value), value, strict=False)):
        raise ValueError("times above 0 that increase, such as 12,24,36")
    return value


Sizes = Annotated[tuple[int, ...], BeforeValidator(_split), AfterValidator(_sizes)]
"""Sizes of hidden layers, separated by commas; may be none."""
Times = Annotated[tuple[float, ...], BeforeValidator(_split), AfterValidator(_increasing)]
"""Times above 0 that increase, separated by commas; may be none."""


class Cox(Component):
    """Options of every Cox head."""

    ties: Literal["breslow", "efron"] = option("breslow", help="Treatment of tied event times.")
    axes: int = option(0, ge=0, help=AXES)


class Linear(Cox):
    """Linear Cox head without bias: one weight, and one hazard ratio, for each latent dimension."""

    def build(self, latent_dim: int) -> Head:
        """The head for latents (n, latent_dim)."""
        from survembed.heads.linear import LinearHead

        return LinearHead(latent_dim, self.ties, self.axes)


class MLP(Cox):
    """DeepSurv head: a multilayer perceptron of the latents."""

    hidden: Sizes = option((32, 32), help="Sizes of the hidden layers, such as 32,32.")
    dropout: float = option(0.1, ge=0, lt=1, help="Dropout after each hidden layer.")

    def build(self, latent_dim: int) -> Head:
        """The head for latents (n, latent_dim)."""
        from survembed.heads.mlp import MLPHead

        return MLPHead(latent_dim, self.hidden, self.dropout, self.ties, self.axes)


class CauseSpecific(Component):
    """Competing causes: a linear Cox head for each cause on one latent space."""

    causes: int = option(2, ge=2, le=20, help="Number of causes, as in data.causes.")
    ties: Literal["breslow", "efron"] = option("breslow", help="Treatment of tied event times.")

    def build(self, latent_dim: int) -> Head:
        """The head for latents (n, latent_dim)."""
        from survembed.heads.cause_specific import CauseSpecificHead

        return CauseSpecificHead(latent_dim, self.causes, self.ties)


class Discrete(Component):
    """Discrete-time head: a logistic hazard for each interval of time, which need not be proportional."""

    intervals: int = option(
        20, ge=1, le=1000, help="Intervals between quantiles of the training event times, if there is no grid."
    )
    grid: Times = option(
        (),
        help="Ends of the intervals, such as 180,365,730, in the unit of the durations: an event in each, and none "
        "after the last. Default: quantiles.",
    )
    hidden: Sizes = option((), help="Sizes of hidden layers, such as 32,32. Default: each logit is linear in z.")
    dropout: float = option(0.1, ge=0, lt=1, help="Dropout after each hidden layer.")
    axes: int = option(0, ge=0, help=AXES)

    def build(self, latent_dim: int) -> Head:
        """The head for latents (n, latent_dim)."""
        from survembed.heads.discrete import DiscreteHead

        return DiscreteHead(latent_dim, self.intervals, self.grid, self.hidden, self.dropout, self.axes)
