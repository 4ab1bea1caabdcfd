"""IDX files: round trips, real labels, and an error for each kind of damage."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from survembed.datasets.digits.idx import parse_idx
from survembed.errors import DataError, SurvembedError

PATH = Path("images.gz")


def encode(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@settings(max_examples=50, deadline=None)
@given(array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=3, max_side=6)), packed=st.booleans())
def test_round_trip(array: np.ndarray, packed: bool) -> None:
    content = gzip.compress(encode(array), mtime=0) if packed else encode(array)
    np.testing.assert_array_equal(parse_idx(content, array.ndim, PATH), array)


def test_real_labels(test_data: Path) -> None:
    path = test_data / "mnist" / "t10k-labels-idx1-ubyte.gz"
    labels = parse_idx(path.read_bytes(), 1, path)
    assert labels.shape == (10_000,)
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


WHOLE = encode(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(WHOLE, mtime=0)[:-9], "truncated or damaged"),
        (gzip.compress(WHOLE, mtime=0)[:12], "truncated or damaged"),
        (WHOLE[:-1], "has 23 bytes for shape"),
        (WHOLE + b"0", "has 25 bytes"),
        (WHOLE[:10], "not an IDX file"),
        (b"", "not an IDX file"),
        (b"\0\0\x0d\x03" + WHOLE[4:], "begins with 00000d03"),
        (encode(np.zeros(5, np.uint8)), "3 dimension"),
    ],
)
def test_damaged_content_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        parse_idx(content, 3, PATH)
    assert caught.value.where == str(PATH)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_content_raises_only_our_errors(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([WHOLE, gzip.compress(WHOLE, mtime=0), b"\x1f\x8b", b""])))
    for position, byte in data.draw(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=5)):
        content[position : position + 1] = bytes([byte])
    try:
        array = parse_idx(bytes(content[: data.draw(st.integers(0, 80))]), 3, PATH)
    except SurvembedError:
        return
    assert array.ndim == 3
