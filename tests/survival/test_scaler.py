"""Which latents a linear model is given."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator

from survembed.survival.scaler import LatentScaler


@pytest.fixture
def z():
    return np.random.default_rng(0).normal(size=(100, 5)).astype(np.float32)


def test_useful_latents_are_standardised(z):
    scaled = LatentScaler().fit_transform(z * [1, 10, 1e-3, 1e4, 1] + [0, 1, 2, 3, 1e3])
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.std(axis=0), 1)


def test_dead_and_collinear_latents_are_named(z):
    z[:, 1] = 0.5
    z[:, 3] = z[:, 0] - 3 * z[:, 2]
    scaler = LatentScaler().fit(z)
    assert scaler.dropped_ == {1: "constant (0.5)", 3: "a linear combination of dimensions 0, 2"}
    assert scaler.kept_.tolist() == [0, 2, 4]
    assert scaler.transform(z).shape == (100, 3)


def test_rounding_noise_is_dead_but_a_small_signal_is_not(z):
    z[:, 0] = 5 + z[:, 0] * 1e-7
    z[:, 1] = z[:, 1] * 1e-7
    assert list(LatentScaler().fit(z).dropped_) == [0]


def test_nearly_collinear_latents_stay(z):
    z[:, 1] = z[:, 0] + z[:, 1] * 1e-2
    assert not LatentScaler().fit(z).dropped_


def test_more_latents_than_subjects(z):
    scaler = LatentScaler().fit(z.T)
    assert len(scaler.kept_) == 4  # five subjects, centred
    assert np.linalg.matrix_rank(scaler.transform(z.T)) == 4


def test_nothing_left_is_one_column_of_zeros():
    assert LatentScaler().fit_transform(np.ones((3, 2))).tolist() == [[0.0]] * 3


def test_scikit_learn_conventions():
    check_estimator(LatentScaler(), on_skip=None)
