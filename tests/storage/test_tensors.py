"""Tensors on disk: every value is covered by the checksum."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from survembed.storage.tensors import read_tensors, write_tensors

TENSORS = {
    "a": torch.arange(6.0).reshape(2, 3).T,
    "b": torch.tensor(3, dtype=torch.int64),
    "c": torch.empty(0),
    "d": torch.tensor([True, False]),
    "e": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
}


def test_round_trip(tmp_path: Path) -> None:
    write_tensors(tmp_path / "t", TENSORS, {"numbers": "{}"})
    tensors, metadata = read_tensors(tmp_path / "t")
    assert metadata == {"numbers": "{}"}
    assert tensors.keys() == TENSORS.keys()
    assert all(
        torch.equal(tensors[name], value) and tensors[name].dtype == value.dtype for name, value in TENSORS.items()
    )


def test_every_byte_of_the_values_is_covered(tmp_path: Path) -> None:
    path = tmp_path / "t"
    write_tensors(path, TENSORS, {})
    content = path.read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    for place in range(begin, len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="differs from its checksum"):
            read_tensors(path)


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "t")
    assert read_tensors(tmp_path / "t")[0]["a"].tolist() == [1, 1]
