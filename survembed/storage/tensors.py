"""Named tensors in a safetensors file, with a checksum of their content in its metadata."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from survembed.storage.files import replacing

CHECKSUM = "checksum"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors and metadata, whole or not at all."""
    values = {name: value.detach().contiguous() for name, value in tensors.items()}
    content = save(values, {**metadata, CHECKSUM: _checksum(values, metadata)})
    with replacing(path) as temporary:
        temporary.write_bytes(content)  # by Python, so that a full disk is an OSError


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a file; one without a checksum, of an earlier version, is not checked.

    Raises
    ------
    OSError, SafetensorError
        If it cannot be read.
    ValueError
        If its content differs from its checksum.
    """
    with safe_open(path, "pt") as file:
        metadata = dict(file.metadata() or {})
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    checksum = metadata.pop(CHECKSUM, None)
    if checksum is not None and checksum != _checksum(tensors, metadata):
        raise ValueError("it is damaged: its content differs from its checksum")
    return tensors, metadata


def _checksum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    result = hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    for name in sorted(tensors):
        value = tensors[name].cpu()
        result.update(f"\n{name} {value.dtype} {tuple(value.shape)} ".encode())
        result.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return result.hexdigest()
