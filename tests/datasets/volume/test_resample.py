"""Box overlap: exact weights, averages and rounding."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survembed.datasets.volume.resample import box_average, fractions_to_bytes, overlap_weights


def test_overlap_is_the_length_that_cells_and_voxels_share() -> None:
    weights = overlap_weights(n_source=3, spacing=2.0, start=-1.0, n_target=3, target_spacing=2.5)
    expected = [[1.5, 0, 0], [0.5, 2, 0], [0, 0, 2]]  # cells [-1, 1.5], [1.5, 4], [4, 6.5]
    np.testing.assert_allclose(weights, np.array(expected) / 2.5, rtol=1e-6)


@given(
    count=st.integers(1, 40),
    spacing=st.floats(0.3, 6),
    start=st.floats(-30, 30),
    cells=st.integers(1, 30),
    cell=st.floats(0.3, 9),
)
def test_overlap_conserves_length(count: int, spacing: float, start: float, cells: int, cell: float) -> None:
    covered = max(0.0, min(count * spacing, start + cells * cell) - max(0.0, start))
    weights = overlap_weights(count, spacing, start, cells, cell)
    assert weights.min() >= 0
    assert weights.max() <= 1 + 1e-6
    assert weights.sum() * cell == pytest.approx(covered, rel=1e-4, abs=1e-4)


def test_box_average_equals_brute_force() -> None:
    rng = np.random.default_rng(0)
    volume = rng.random((4, 5, 6), dtype=np.float32)  # z, y, x in voxels of 1
    along = (
        overlap_weights(6, 1, -0.5, 3, 2.2),
        overlap_weights(5, 1, 0.3, 2, 2.1),
        overlap_weights(4, 1, 0.1, 3, 1.3),
    )
    fine = volume.repeat(20, 0).repeat(20, 1).repeat(20, 2)
    at = [(np.arange(n * 20) + 0.5) / 20 for n in (6, 5, 4)]
    for k, j, i in itertools.product(range(3), range(2), range(3)):
        x = (at[0] > -0.5 + i * 2.2) & (at[0] < -0.5 + (i + 1) * 2.2)
        y = (at[1] > 0.3 + j * 2.1) & (at[1] < 0.3 + (j + 1) * 2.1)
        z = (at[2] > 0.1 + k * 1.3) & (at[2] < 0.1 + (k + 1) * 1.3)
        expected = fine[np.ix_(z, y, x)].sum() / 20**3 / (2.2 * 2.1 * 1.3)
        assert box_average(volume, along)[k, j, i] == pytest.approx(expected, rel=1e-3, abs=1e-3)


@given(st.lists(st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1, width=32)), max_size=300))
def test_bytes_keep_the_sum_and_each_value(values: list[float]) -> None:
    fraction = np.array(values, np.float32)
    stored = fractions_to_bytes(fraction).astype(np.float64)
    assert abs(stored.sum() - fraction.sum(dtype=np.float64) * 255) <= 0.5 + 1e-6
    assert np.all(np.abs(stored - fraction * 255.0) <= 1 + 1e-6)
    assert (stored[fraction == 0] == 0).all()
    assert (stored[fraction == 1] == 255).all()
