"""Weights of another run as the start of a training: layer by layer, where names and shapes agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from survembed.models.base import Model

FITTED = ("head", "input", "prior_mean")
"""Modules that belong to a cohort: outcomes, scale of its images, and covariates."""


@dataclass(frozen=True)
class Taken:
    """Layers that another run's weights replaced, and those that keep their random start.

    Attributes
    ----------
    layers
        Names of the layers taken, such as `encoder.layers.0`.
    left
        Reason by name of each layer that was not.
    encoder
        Whether a layer of the encoder was taken; of any part, for a model without a part of this name.
    """

    layers: tuple[str, ...]
    left: dict[str, str]
    encoder: bool

    @property
    def parts(self) -> str:
        """Numbers of layers by part: `encoder 25 of 25, mu 1 of 1`."""
        parts = dict.fromkeys(name.split(".")[0] for name in (*self.layers, *self.left))
        counts = []
        for part in parts:
            taken, left = (
                sum(name.split(".")[0] == part for name in names) for names in (self.layers, tuple(self.left))
            )
            counts.append(f"{part} {taken} of {taken + left}")
        return ", ".join(counts)


@torch.no_grad()
def take_weights(model: Model, weights: Mapping[str, Tensor]) -> Taken:
    """Copy into `model` each layer that `weights`, the state of another model, has with the same name and shapes.

    A layer is a module with parameters of its own; it is taken whole, with its running statistics, or not at all, and a
    normalisation only together with the layer before it. The head, the scale of the input and a prior that depends on
    covariates are those of a cohort and stay.
    """
    taken: list[str] = []
    left: dict[str, str] = {}
    matrices: list[str] = []
    before = ""
    for name, own in _layers(model):
        reason = next(filter(None, (_difference(key, value, weights.get(key)) for key, value in own.items())), "")
        if any(value.ndim > 1 for value in own.values()):
            matrices.append(name)
            before = name
        elif before in left:
            reason = reason or f"{before} is not taken"
        if reason:
            left[name] = reason
            continue
        for key, value in own.items():
            value.copy_(weights[key])
        taken.append(name)
    encoder = [name for name in matrices if name.startswith("encoder.")] or matrices
    return Taken(tuple(taken), left, not set(encoder).isdisjoint(taken))


def _layers(model: Model) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Name of each module with parameters of its own, and its tensors by their name in the state of the model."""
    for name, module in model.named_modules():
        if not name or name.split(".")[0] in FITTED or not any(True for _ in module.parameters(recurse=False)):
            continue
        own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
        yield name, {f"{name}.{key}": value.detach() for key, value in own}


def _difference(name: str, own: Tensor, other: Tensor | None) -> str:
    if other is None:
        return "not in that run"
    if own.shape != other.shape or own.dtype != other.dtype:
        there, here = (" × ".join(map(str, value.shape)) or "1" for value in (other, own))
        return f"{name.rsplit('.', 1)[-1]} {there} there, {here} here"
    return ""
