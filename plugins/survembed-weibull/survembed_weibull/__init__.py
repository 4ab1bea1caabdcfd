"""A Weibull head for survembed: what its options are; `head.py` builds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from survembed.registry.component import Component

if TYPE_CHECKING:
    from survembed.heads.base import Head


class Weibull(Component):
    """Weibull model of the durations, linear in the latents: hazards and times from one likelihood."""

    api_version: ClassVar[int] = 2

    def build(self, latent_dim: int) -> Head:
        """The head for latents (n, latent_dim)."""
        from survembed_weibull.head import WeibullHead

        return WeibullHead(latent_dim)
