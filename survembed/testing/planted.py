"""Simulated data: one hidden variable determines image and log-hazard, so that the truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survembed.cohort.subjects import Channel
from survembed.survival.outcome import Float, Outcome

if TYPE_CHECKING:
    from survembed.survival.batch import Batch

SHAPES = {"table": (5,), "image": (7, 9), "volume": (5, 6, 7)}
"""Spatial shapes of small images of each sort, with odd edges."""

CHANNELS = {
    "table": (Channel("table", "gaussian", standardise=True),),
    "image": (Channel("blob", "bernoulli"),),
    "volume": (
        Channel("ct", "gaussian", window=(-150.0, 250.0), unit="HU"),
        Channel("tumour", "bernoulli", overlay=True),
    ),
}


def planted_images(sort: str, n: int, seed: int = 0) -> tuple[NDArray[np.float32], Outcome]:
    """Images (n, C, *spatial) of a blob whose size raises the log-hazard, and the outcomes of the n subjects.

    Parameters
    ----------
    sort
        A key of `SHAPES`.
    """
    random, shape = np.random.default_rng(seed), SHAPES[sort]
    hidden = random.normal(size=n)
    if sort == "table":
        noise = random.normal(size=(n, *shape))
        images = (np.array([3.0, -1.0, 0.5, 0.0, 0.0]) * hidden[:, None] + 0.3 * noise + [100, 0, 0, 0, 0])[:, None]
    else:
        middle = np.array([(edge - 1) / 2 for edge in shape]).reshape(-1, *[1] * len(shape))
        distance = np.sqrt(np.square(np.indices(shape) - middle).sum(axis=0))
        blob = 1 / (1 + np.exp(2 * (distance - (2 + 0.6 * hidden).reshape(-1, *[1] * len(shape)))))
        images = np.stack([blob] if sort == "image" else [0.3 + 0.4 * blob, blob], axis=1)
    return images.astype(np.float32), planted_outcome(2 * hidden, random)


def planted_latents(n: int, seed: int = 0, latent_dim: int = 3) -> tuple[NDArray[np.float32], Outcome]:
    """Latents (n, latent_dim) of which the first raises the log-hazard, and the outcomes of the n subjects."""
    random = np.random.default_rng(seed)
    z = random.normal(size=(n, latent_dim)).astype(np.float32)
    return z, planted_outcome(2 * z[:, 0].astype(np.float64), random)


def planted_outcome(log_hazard: Float, random: np.random.Generator) -> Outcome:
    """Exponential survival times in days at these log-hazards (n,), about a quarter of them censored."""
    life = random.exponential(300 * np.exp(-log_hazard))
    limit = random.exponential(1500, size=len(log_hazard))
    return Outcome(np.minimum(life, limit), life < limit)


def batch_of(sort: str, n: int, seed: int = 0) -> Batch:
    """Planted subjects as a model's `loss` takes them."""
    import torch

    from survembed.survival.batch import Batch

    images, outcome = planted_images(sort, n, seed)
    return Batch(torch.from_numpy(images), torch.from_numpy(outcome.duration), torch.from_numpy(outcome.event))
