"""Axes of a latent space: raw, standardised, and along the hazard."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from survembed.heads import MLP
from survembed.runs.latent_axes import Coordinates, Float

STEPS = np.array([-4.0, -1.0, 0.0, 0.5, 3.0])
PSI = np.array([0.5, -1.0, 0.2])


def mu(n: int = 400, seed: int = 0) -> Float:
    rng = np.random.default_rng(seed)
    mixing = np.array([[2.0, 0, 0], [1.0, 0.5, 0], [0, 0.3, 0.1]])
    return rng.normal(size=(n, 3)) @ mixing.T + [1.0, -2.0, 0.0]


def test_raw_axes_are_the_papers() -> None:
    axes = Coordinates.of(mu(), raw=True)
    path = axes.along_dimension(axes.centre, 1, STEPS)
    np.testing.assert_array_equal(path[:, 1], STEPS)
    np.testing.assert_array_equal(path[:, [0, 2]], 0)


def test_standardised_axes_are_an_affine_map_of_them() -> None:
    latents = mu()
    axes = Coordinates.of(latents)
    np.testing.assert_allclose(axes.centre, latents.mean(0))
    np.testing.assert_allclose(axes.scale, latents.std(0))
    path = axes.along_dimension(axes.centre, 2, STEPS)
    np.testing.assert_allclose(path[:, 2], latents[:, 2].mean() + STEPS * latents[:, 2].std())
    np.testing.assert_array_equal(path[:, :2], np.tile(axes.centre[:2], (5, 1)))
    raw = Coordinates.of(latents, raw=True)
    np.testing.assert_array_equal(raw.deviation, axes.deviation)
    np.testing.assert_array_equal(raw.covariance, axes.covariance)


def test_from_a_subject_only_one_coordinate_changes() -> None:
    axes, start = Coordinates.of(mu()), np.array([9.0, 8.0, 7.0])
    path = axes.along_dimension(start, 0, STEPS)
    np.testing.assert_array_equal(path[:, 1:], [[8.0, 7.0]] * 5)
    np.testing.assert_array_equal(start, [9.0, 8.0, 7.0])


def test_a_dimension_that_never_varies() -> None:
    latents = mu()
    latents[:, 1] = 5.0
    axes = Coordinates.of(latents)
    assert axes.scale[1] == 1
    assert axes.deviation[1] == 0
    assert np.isfinite(axes.along_hazard(axes.centre, lambda _: PSI, STEPS)).all()


def test_one_dimension() -> None:
    axes = Coordinates.of(mu()[:, :1])
    assert axes.covariance.shape == (1, 1)
    path = axes.along_hazard(axes.centre, lambda _: np.array([-0.3]), STEPS)
    np.testing.assert_allclose(path[:, 0], axes.centre[0] - axes.scale[0] * STEPS)


def test_the_hazard_axis_of_a_linear_head_is_sigma_psi_with_one_deviation_of_r_a_unit() -> None:
    latents = mu()
    axes = Coordinates.of(latents)
    path = axes.along_hazard(axes.centre, lambda _: PSI, STEPS)
    sigma_psi = np.cov(latents, rowvar=False, bias=True) @ PSI
    np.testing.assert_allclose(path - axes.centre, np.outer(STEPS / (latents @ PSI).std(), sigma_psi), rtol=1e-9)
    np.testing.assert_allclose((path - axes.centre) @ PSI, STEPS * (latents @ PSI).std(), rtol=1e-9)


def test_it_is_the_mean_subject_of_each_risk() -> None:
    latents = mu(200_000)
    axes = Coordinates.of(latents)
    r = (latents - latents.mean(0)) @ PSI
    near = np.abs(r / r.std() - 1.0) < 0.2
    step = r[near].mean(keepdims=True) / r.std()
    found = axes.along_hazard(axes.centre, lambda _: PSI, step)[0]
    np.testing.assert_allclose(found, latents[near].mean(0), atol=0.05)


def test_a_curved_head_is_followed_up_and_down() -> None:
    torch.manual_seed(3)
    head = MLP(hidden=(16, 16)).build(3).eval()

    def gradient(z: Float) -> Float:
        at = torch.tensor(z, dtype=torch.float32)[None].requires_grad_()
        return torch.autograd.grad(head(at).sum(), at)[0][0].double().numpy()

    axes = Coordinates.of(mu())
    steps = np.linspace(-4, 4, 33)
    path = axes.along_hazard(axes.centre, gradient, steps)
    hazard = head(torch.tensor(path, dtype=torch.float32)).detach().numpy()
    assert (np.diff(hazard) > 0).all()
    np.testing.assert_array_equal(path[16], axes.centre)
    straight = np.linalg.norm(np.cross(path[-1] - path[16], path[24] - path[16]))
    assert straight > 1e-3, "the path is straight: the gradient was not followed"
    # The position at a step does not depend on which other steps are asked for, to the accuracy of the pieces.
    np.testing.assert_allclose(axes.along_hazard(axes.centre, gradient, np.array([4.0, -1.0]))[0], path[-1], atol=1e-2)


def test_a_flat_hazard_leads_nowhere() -> None:
    axes = Coordinates.of(mu())
    path = axes.along_hazard(axes.centre, lambda _: np.zeros(3), STEPS)
    np.testing.assert_array_equal(path, np.tile(axes.centre, (5, 1)))


@given(st.lists(st.floats(-4, 4), min_size=1, max_size=6))
def test_steps_in_any_order(steps: list[float]) -> None:
    axes = Coordinates.of(mu(50))
    path = axes.along_hazard(axes.centre, lambda _: PSI, np.array(steps))
    alone = [axes.along_hazard(axes.centre, lambda _: PSI, np.array([step]))[0] for step in steps]
    np.testing.assert_allclose(path, alone, rtol=1e-9, atol=1e-9)


def test_raw_and_standardised_hazard_axes_are_the_same_line() -> None:
    latents = mu()
    start = latents[0]
    raw, standard = (
        Coordinates.of(latents, raw=raw).along_hazard(start, lambda _: PSI, STEPS) for raw in (True, False)
    )
    assert raw == pytest.approx(standard)
