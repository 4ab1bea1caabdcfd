"""Whether every part of the loss still teaches the model something, and what to do where one does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from survembed.models.base import Loss

ACTIVE_NATS = 0.01
"""A latent dimension with less KL than this says nothing about the image (Burda et al. 2016 judge by variance)."""

DEAD_SHARE = 0.01
"""A term whose gradient is a smaller share of all gradients has no say."""

EMPTY_SHARE = 0.1
"""More batches without an event than this are a waste."""


def gradient_norms(loss: Loss, parameters: Sequence[nn.Parameter]) -> dict[str, float]:
    """Norm of each term's gradient over all parameters; costs a backward pass for each term."""
    norms = {}
    for name, term in loss.terms.items():
        gradients = torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
        squares = [gradient.double().square().sum() for gradient in gradients if gradient is not None]
        norms[name] = float(torch.stack(squares).sum().sqrt()) if squares else 0.0
    return norms


def warnings(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What is wrong with a training, each with a remedy, from the rows that it recorded."""
    found = []
    norms = [row["gradient_norms"] for row in rows if "gradient_norms" in row]
    for name in norms[-1] if norms else ():
        share = max(norm[name] / (sum(norm.values()) or 1.0) for norm in norms)
        if share < DEAD_SHARE and name in REMEDIES:
            found.append(f"the {name} term hardly moves the model ({share:.1%} of the gradient): {REMEDIES[name]}")
    kl = [row["kl_of_dimensions"] for row in rows if row.get("kl_of_dimensions")]
    if kl:
        dead = [dimension for dimension, nats in enumerate(kl[-1]) if nats < ACTIVE_NATS]
        if len(dead) == len(kl[-1]):
            found.append("all latent dimensions have collapsed: lower --beta, or let the KL term grow (--kl-warm-up)")
        elif dead:
            found.append(
                f"{len(dead)} of {len(kl[-1])} latent dimensions say nothing (z{', z'.join(map(str, dead))}): "
                "lower --beta, or ask for fewer with --latent-dim"
            )
    empty = rows[-1].get("empty_share", 0.0) if rows else 0.0
    if empty > EMPTY_SHARE:
        found.append(f"{empty:.0%} of the batches had no event: --sampler events, or a larger --batch-size")
    return found


REMEDIES = {
    "cox": "lower --tau, or --reconstruction-weight with --reduction share",
    "reconstruction": "raise --tau, or --reconstruction-weight with --reduction share",
}
"""What helps against a dead term."""
