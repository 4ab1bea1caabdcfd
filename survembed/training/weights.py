"""Weights of a model as a safetensors file."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from torch import Tensor

from survembed.errors import RunError
from survembed.models.base import Model
from survembed.storage.tensors import read_tensors, write_tensors


def write_weights(path: Path, model: Model) -> None:
    """Write the weights of `model`, whole or not at all."""
    write_tensors(path, model.state_dict(), {})


def read_weights(path: Path, model: Model) -> None:
    """Load the weights of a run into `model`, and set it to evaluation mode.

    Raises
    ------
    RunError
        When they are missing, damaged, not numbers, or of another shape or type.
    """
    try:
        weights = read_tensors(path)[0]
        _require_usable(weights, model)
        model.load_state_dict(weights)
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        raise RunError(
            f"the weights of run {path.parent.name} cannot be read: {str(error).splitlines()[0]}",
            where=str(path),
            try_="restore the file from a copy, or train again",
        ) from error
    model.eval()


def _require_usable(weights: dict[str, Tensor], model: Model) -> None:
    """Raise RuntimeError for weights of another type, which torch would convert, and for NaN."""
    for name, own in model.state_dict().items():
        value = weights.get(name, own)
        if value.dtype != own.dtype:
            raise RuntimeError(f"{name} is {value.dtype}, not {own.dtype}")
        if value.is_floating_point() and value.isnan().any():
            raise RuntimeError(f"{name} contains NaN")
