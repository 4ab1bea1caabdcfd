"""IDX files: read whole, and every kind of damage told."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from survembed.datasets.digits.idx import read_idx
from survembed.errors import DataError, SurvembedError


def encode(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=3, max_side=6)), packed=st.booleans())
def test_round_trip(tmp_path: Path, array: np.ndarray, packed: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(encode(array), mtime=0) if packed else encode(array))
    np.testing.assert_array_equal(read_idx(path, array.ndim), array)


def test_real_labels(test_data: Path) -> None:
    labels = read_idx(test_data / "mnist" / "t10k-labels-idx1-ubyte.gz", 1)
    assert labels.shape == (10_000,)
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


WHOLE = encode(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(WHOLE, mtime=0)[:-9], "cut short"),
        (gzip.compress(WHOLE, mtime=0)[:12], "cut short"),
        (WHOLE[:-1], "holds 23 bytes for shape"),
        (WHOLE + b"0", "holds 25 bytes"),
        (WHOLE[:10], "no IDX file"),
        (b"", "no IDX file"),
        (b"\0\0\x0d\x03" + WHOLE[4:], "begins with 00000d03"),
        (encode(np.zeros(5, np.uint8)), "3 dimension"),
    ],
)
def test_damage_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path, 3)
    assert caught.value.where == str(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_idx(tmp_path / "none.gz", 1)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_no_damage_raises_anything_else(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([WHOLE, gzip.compress(WHOLE, mtime=0), b"\x1f\x8b", b""])))
    for position, byte in data.draw(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=5)):
        content[position : position + 1] = bytes([byte])
    path = tmp_path / "file"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, 80))]))
    try:
        array = read_idx(path, 3)
    except SurvembedError:
        return
    assert array.ndim == 3
