"""Augmentation: shifts by whole voxels, rotations that keep volumes, flips and intensities as asked."""

from __future__ import annotations

import math

import pytest
import torch

from survembed.training.augment import Augmentation, changed_in_intensity, flipped, rotated, shifted


@pytest.fixture(autouse=True)
def _chance() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("shape", [(9, 8), (7, 12, 5)])
def test_shift_moves_whole_voxels_and_fills_zeros(shape: tuple[int, ...]) -> None:
    image = torch.rand(40, 2, *shape) + 1
    moved = shifted(image, 0.25)
    reaches = [int(0.25 * edge) for edge in shape]
    seen = set()
    for before, after in zip(image, moved, strict=True):
        inside = after[0] != 0
        assert torch.equal(inside, after[1] != 0)  # all channels move together
        corner = torch.nonzero(inside).amin(0)
        size = torch.nonzero(inside).amax(0) + 1 - corner
        # The part that is still seen is a block at one border along each axis; find where it came from.
        steps = [int(c) if c else -(edge - int(s)) for c, s, edge in zip(corner, size, shape, strict=True)]
        assert all(abs(step) <= reach for step, reach in zip(steps, reaches, strict=True))
        expected = torch.zeros_like(before)
        to = tuple(slice(max(step, 0), edge + min(step, 0)) for step, edge in zip(steps, shape, strict=True))
        source = tuple(slice(max(-step, 0), edge - max(step, 0)) for step, edge in zip(steps, shape, strict=True))
        expected[(slice(None), *to)] = before[(slice(None), *source)]
        assert torch.equal(after, expected)
        seen.add(tuple(steps))
    assert len(seen) > 5
    assert {step for steps in seen for step in steps} >= {-reaches[0], 0, reaches[0]}


@pytest.mark.parametrize("shape", [(40, 24), (24, 32, 20)])
def test_a_rotation_keeps_a_central_ball_and_turns_a_rod(shape: tuple[int, ...]) -> None:
    """In voxels, whatever the shape of the image: a ball stays what it is, a rod keeps its mass and centre."""
    grid = torch.meshgrid(*(torch.arange(edge) - (edge - 1) / 2 for edge in shape), indexing="ij")
    ball = (torch.stack([axis.square() for axis in grid]).sum(0) < 36).float()
    rod = ((grid[0].abs() < 8) & (torch.stack([axis.abs() for axis in grid[1:]]).amax(0) < 3)).float()
    image = torch.stack([ball, rod])[None].repeat(6, 1, *(1 for _ in shape))
    turned = rotated(image, 30.0)
    inner = torch.stack([axis.square() for axis in grid]).sum(0) < 16
    torch.testing.assert_close(turned[:, 0][:, inner], image[:, 0][:, inner])
    mass = turned.flatten(2).sum(2)
    torch.testing.assert_close(mass, image.flatten(2).sum(2), rtol=0.03, atol=0)
    for axis in grid:
        assert ((turned[:, 1] * axis).flatten(1).sum(1) / mass[:, 1]).abs().max() < 0.2
    slopes = (turned[:, 1] * grid[0] * grid[1]).flatten(1).sum(1) / (turned[:, 1] * grid[0] ** 2).flatten(1).sum(1)
    assert slopes.abs().max() > math.tan(math.radians(5))  # it did turn


def test_flips_are_whole_and_about_half() -> None:
    image = torch.rand(200, 1, 4, 5)
    turned = flipped(image, (1,))
    mirrored = (turned == image.flip(3)).flatten(1).all(1)
    assert ((turned == image).flatten(1).all(1) ^ mirrored).all()
    assert 60 < int(mirrored.sum()) < 140


def test_intensity_changes_gaussian_channels_only_and_leaves_the_outside() -> None:
    image = torch.rand(8, 3, 4, 4, 4)
    image[:, 1, 0] = 0
    changed = changed_in_intensity(image, 0.1, (1,))
    assert torch.equal(changed[:, [0, 2]], image[:, [0, 2]])
    assert (changed[:, 1, 0] == 0).all()
    assert 0.01 < float((changed[:, 1, 1:] - image[:, 1, 1:]).abs().max()) <= 0.2


def test_what_is_not_asked_for_is_not_done() -> None:
    image, table = torch.rand(3, 2, 5, 5), torch.rand(3, 1, 5)
    assert Augmentation()(image) is image
    assert Augmentation(shift=0.25, rotate=10, flip=(0,))(table) is table
    assert torch.equal(shifted(image, 0.1), image)  # less than one voxel


def test_the_images_given_are_not_touched() -> None:
    image = torch.rand(5, 2, 8, 8)
    before = image.clone()
    Augmentation(0.2, 20, 0.2, (0, 1), (0,))(image)
    assert torch.equal(image, before)
