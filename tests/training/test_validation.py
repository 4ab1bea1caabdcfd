"""Batches without gradients: as many images as fit, whatever their size."""

from __future__ import annotations

import math

import pytest

from survembed.training.validation import VALUES_AT_ONCE, batch_size_without_gradient


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1, 12), 1024), ((1, 28, 28), 1024), ((2, 64, 64, 64), 32), ((1, 512, 512), 64), ((3, 2048, 2048), 1)],
)
def test_batch_size(shape: tuple[int, ...], expected: int) -> None:
    assert batch_size_without_gradient(shape) == expected
    assert expected == 1 or expected * math.prod(shape) <= VALUES_AT_ONCE
