"""Warnings of collapse: loss terms without effect, inactive latent dimensions, batches without events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from survembed.models.base import Loss
from survembed.models.losses import ACTIVE_NATS
from survembed.training.training_data import TrainingData

DEAD_SHARE = 0.01
"""A term with a smaller share of the gradient has no effect."""

COPIES = 0.9
"""Median |correlation| between dimensions above which the latent space has collapsed onto one direction."""

EMPTY_SHARE = 0.1
"""Largest share of batches without an event that gets no warning."""


def gradient_norms(loss: Loss, parameters: Sequence[nn.Parameter]) -> dict[str, float]:
    """Norm of each term's gradient over all parameters; costs a backward pass for each term."""
    norms = {}
    for name, term in loss.terms.items():
        gradients = torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
        squares = [gradient.double().square().sum() for gradient in gradients if gradient is not None]
        norms[name] = float(torch.stack(squares).sum().sqrt()) if squares else 0.0
    return norms


def probe(data: TrainingData, size: int) -> Tensor:
    """Positions (k,) of at most `size` training subjects on which the Cox term has a gradient where it can have one.

    Events have their share in the training part, and the first event and the subject with the longest duration are
    among them: a batch without an event, or with nobody else at risk, would have no Cox gradient at all.
    """
    order = data.train[data.duration[data.train].argsort(stable=True)]
    events, censored = order[data.event[order]], order[~data.event[order]]
    places = min(size, len(order))
    n_events = max(round(places * len(events) / len(order)), min(1, len(events)))
    return torch.cat([_spread(events, n_events), _spread(censored.flip(0), places - n_events)])


def _spread(ordered: Tensor, count: int) -> Tensor:
    """`count` elements at equal distances, the first among them."""
    return ordered[torch.arange(count) * len(ordered) // max(count, 1)]


def warnings(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Warnings on a training, each with a remedy, from all of its rows of metrics."""
    messages = []
    norms = [row["gradient_norms"] for row in rows if "gradient_norms" in row]
    for name in norms[-1] if norms else ():
        share = max(norm[name] / (sum(norm.values()) or 1.0) for norm in norms)
        if share < DEAD_SHARE and name in REMEDIES:
            messages.append(f"the {name} term hardly moves the model ({share:.1%} of the gradient): {REMEDIES[name]}")
    kl = [row["kl_of_dimensions"] for row in rows if row.get("kl_of_dimensions")]
    if kl:
        dead = [dimension for dimension, nats in enumerate(kl[-1]) if nats < ACTIVE_NATS]
        if len(dead) == len(kl[-1]):
            messages.append("all latent dimensions have collapsed: lower --beta, or use --kl-warm-up")
        elif dead:
            messages.append(
                f"{len(dead)} of {len(kl[-1])} latent dimensions carry no information (z{', z'.join(map(str, dead))}): "
                "lower --beta, or reduce --latent-dim"
            )
    correlation = rows[-1].get("median_correlation") if rows else None
    if correlation is not None and correlation > COPIES:
        messages.append(
            f"the latent dimensions are nearly copies of one another (median |correlation| {correlation:.2f}): raise "
            "--tau, or --reconstruction-weight with --reduction share"
        )
    empty = rows[-1].get("empty_share", 0.0) if rows else 0.0
    if empty > EMPTY_SHARE:
        messages.append(f"{empty:.0%} of the batches had no event: --sampler events, or a larger --batch-size")
    return messages


REMEDIES = {
    "cox": "lower --tau, or --reconstruction-weight with --reduction share",
    "reconstruction": "raise --tau, or --reconstruction-weight with --reduction share",
}
"""Remedy for each dead term."""
