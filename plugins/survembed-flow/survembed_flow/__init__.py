"""A CoxVAE whose prior is a normalising flow: what its options are; `network.py` and `flow.py` build it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from survembed.models import CoxVAE
from survembed.registry.component import Component, option

if TYPE_CHECKING:
    from survembed.cohort.subjects import Channel
    from survembed.models.base import Model


class FlowVAE(CoxVAE):
    """CoxVAE whose prior is a normalising flow that is learnt with the rest (RealNVP)."""

    api_version: ClassVar[int] = 2

    couplings: int = option(4, ge=1, help="Coupling layers of the prior.", panel="Prior")
    hidden: int = option(32, ge=1, help="Hidden units of each coupling layer.", panel="Prior")

    def build(self, channels: tuple[Channel, ...], shape: tuple[int, ...], head: Component | None = None) -> Model:
        """The network for images (n, C, *shape), with its head."""
        from survembed_flow.network import FlowVAENetwork

        return FlowVAENetwork(self, channels, shape, head.build(self.latent_dim) if head else None)
