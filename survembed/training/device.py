"""The torch device with a given name."""

from __future__ import annotations

import os

import torch

from survembed.errors import UsageError
from survembed.training.processes import launched

KINDS = ("cpu", "cuda", "mps")
"""Kinds of devices that models run on."""


def find_device(name: str) -> torch.device:
    """The device with this name; `auto` is a GPU where there is one, else the CPU.

    Raises
    ------
    UsageError
        When this machine has no such device.
    """
    if name == "auto":
        if not torch.cuda.is_available():
            return torch.device("cpu")
        name = f"cuda:{os.environ['LOCAL_RANK']}" if launched() else "cuda"
    try:
        device = torch.device(name)
        if device.type not in KINDS:  # torch knows more, such as meta, which computes nothing
            raise RuntimeError(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError, Warning) as error:
        raise UsageError(
            f"no device '{name}' here",
            where=f"--device {name}",
            expected="cpu, cuda, cuda:N, mps or auto",
            try_="--device cpu",
        ) from error
    return device
