"""Weights of modules under test: compared, and sent through a safetensors file as a run does."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from survembed.testing.case import Failed, require

M = TypeVar("M", bound=nn.Module)


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    """Whether two modules hold the same numbers, bit by bit."""
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


def reloaded(module: nn.Module, fresh: M) -> M:
    """`fresh` with the weights of `module`, which went through safetensors."""
    from safetensors.torch import load, save

    try:
        weights = save({name: value.contiguous() for name, value in module.state_dict().items()})
    except (ValueError, RuntimeError) as error:
        raise Failed(f"its weights cannot be saved as safetensors: {str(error).strip().splitlines()[0]}") from error
    fresh.load_state_dict(load(weights))
    require(same_weights(module, fresh), "weights differ after they were saved and loaded")
    return fresh
