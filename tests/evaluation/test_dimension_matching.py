"""Dimensions are found again whatever their order and sign."""

from __future__ import annotations

import numpy as np

from survembed.evaluation.dimension_matching import match


def test_permuted_and_flipped_dimensions_are_found() -> None:
    rng = np.random.default_rng(0)
    ours = rng.normal(size=(5, 200))
    order, sign = np.array([3, 0, 4, 1, 2]), np.array([1.0, -1.0, 1.0, -1.0, -1.0])
    theirs = np.empty_like(ours)
    theirs[order] = sign[:, None] * ours * 7
    found = match(ours, theirs)
    np.testing.assert_array_equal(found.dimension, order)
    np.testing.assert_array_equal(found.sign, sign)
    np.testing.assert_allclose(found.similarity, 1.0)


def test_a_dimension_that_does_nothing_resembles_none() -> None:
    ours = np.eye(3)
    ours[1] = 0
    assert match(ours, np.eye(3)).similarity[1] == 0
