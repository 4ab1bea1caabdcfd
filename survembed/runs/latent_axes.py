"""Axes of a latent space: raw as in the paper, standardised, and the axis of increasing hazard."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

Gradient = Callable[[Float], Float]
"""From a latent (L,) to the gradient (L,) of the log-hazard there; constant, and equal to ψ, for a linear head."""

SUBSTEPS = 16
"""Straight segments in one unit of a curved hazard axis."""


@dataclass(frozen=True)
class Coordinates:
    """The affine map z = centre + scale · u between displayed coordinates u and latents z.

    Attributes
    ----------
    centre, scale
        (L,) float64. Standardised: mean and standard deviation of the training μ. Raw: 0 and 1.
    deviation
        (L,) standard deviation of the training μ, in raw units for all axes.
    covariance
        (L, L) of the training μ.
    """

    centre: Float
    scale: Float
    deviation: Float
    covariance: Float

    @classmethod
    def of(cls, mu: NDArray[np.floating], *, raw: bool = False) -> Coordinates:
        """Axes for training latents μ (n, L); a dimension that never varies keeps the scale 1."""
        mu = np.asarray(mu, dtype=np.float64)
        return cls.from_moments(mu.mean(axis=0), np.atleast_2d(np.cov(mu, rowvar=False, bias=True)), raw=raw)

    @classmethod
    def from_moments(cls, mean: Float, covariance: Float, *, raw: bool = False) -> Coordinates:
        """The same from mean (L,) and covariance (L, L) of the training μ."""
        deviation = np.sqrt(covariance.diagonal())
        if raw:
            return cls(np.zeros_like(mean), np.ones_like(mean), deviation, covariance)
        return cls(mean, np.where(deviation > 0, deviation, 1.0), deviation, covariance)

    def along_dimension(self, start: Float, dimension: int, steps: Float) -> Float:
        """Latents (k, L): `start` (L,) with coordinate `dimension` set to `steps` (k,) on these axes.

        Settled point 13 of the paper: with `start` the centre this is its Figure 3.
        """
        path = np.repeat(start[None], len(steps), axis=0)
        path[:, dimension] = self.centre[dimension] + self.scale[dimension] * steps
        return path

    def along_hazard(self, start: Float, gradient: Gradient, steps: Float) -> Float:
        """Latents (k, L) on the hazard axis through `start` (L,), at signed distances `steps` (k,).

        The direction is Σ∇r, with Σ the covariance of the training μ: for a linear head Σψ, the path of E[z | r]
        (settled point 14); for an MLP the gradient is followed. One unit is one standard deviation of r to first
        order, √(∇rᵀΣ∇r).
        """
        path = np.empty((len(steps), len(start)))
        for sign in (-1.0, 1.0):
            z, reached = start.astype(np.float64), 0.0
            for index in sorted(np.flatnonzero(np.sign(steps) == sign), key=lambda i: abs(steps[i])):
                distance = abs(steps[index]) - reached
                pieces = max(1, round(SUBSTEPS * distance))
                for _ in range(pieces):
                    z = z + sign * distance / pieces * self.hazard_direction(gradient(z))
                path[index], reached = z, abs(steps[index])
        path[steps == 0] = start
        return path

    def hazard_sd(self, gradient: Float) -> float:
        """√(∇rᵀΣ∇r), the standard deviation of the log-hazard to first order: one unit of the hazard axis."""
        return math.sqrt(max(0.0, float(gradient @ self.covariance @ gradient)))

    def hazard_direction(self, gradient: Float) -> Float:
        """Σ∇r / √(∇rᵀΣ∇r) (L,); zero where the hazard is flat."""
        step = self.covariance @ gradient
        variance = float(gradient @ step)
        return step / np.sqrt(variance) if variance > 0 else np.zeros_like(step)
