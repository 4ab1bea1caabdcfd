"""Blocks: patches without loss, and any shape in and out."""

from __future__ import annotations

import os
import subprocess
import sys
from math import prod

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from survembed.models.blocks import (
    Conv3d,
    Decoder,
    Encoder,
    Norm,
    ResidualBlock,
    channels_last,
    depth_to_space,
    geometry,
    space_to_depth,
)

AWKWARD = [(33, 20, 17), (1,), (7,), (28, 28), (8, 8), (64, 3), (1, 1), (5, 5, 1)]

axes = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=3)


@settings(deadline=None)
@given(axes=axes, n=st.integers(1, 3), channels=st.integers(1, 3))
def test_patches_come_back(axes: list[tuple[int, int]], n: int, channels: int) -> None:
    cells, patch = tuple(cells for cells, _ in axes), tuple(p for _, p in axes)
    edges = tuple(c * p for c, p in axes)
    x = torch.arange(n * channels * prod(edges)).reshape(n, channels, *edges)
    deep = space_to_depth(x, patch)
    assert deep.shape == (n, channels * prod(patch), *cells)
    assert torch.equal(depth_to_space(deep, patch), x)
    # A cell holds the voxels of its own patch, and no other's.
    first = tuple(slice(0, p) for p in patch)
    corner = deep[(slice(None), slice(None), *(0 for _ in cells))]
    assert torch.equal(corner, x[(slice(None), slice(None), *first)].reshape(n, -1))


@pytest.mark.parametrize(
    ("shape", "patch", "grids"),
    [
        ((128, 128, 48), (4, 4, 4), [(32, 32, 12), (16, 16, 6), (8, 8, 3), (4, 4, 2)]),
        ((128, 100, 10), (4, 4, 1), [(32, 25, 10), (16, 13, 5), (8, 7, 3), (4, 4, 2)]),
        ((2, 64, 64), (1, 4, 4), [(2, 16, 16), (2, 8, 8), (2, 4, 4), (2, 4, 4)]),
        ((1, 40, 40), (1, 4, 4), [(1, 10, 10), (1, 5, 5), (1, 3, 3), (1, 3, 3)]),
        ((128, 128), (4, 4), [(32, 32), (16, 16), (8, 8), (4, 4)]),
        ((200, 130), (4, 4), [(50, 33), (25, 17), (13, 9), (7, 5), (4, 3)]),
        ((512, 512), (4, 4), [(128, 128), (64, 64), (32, 32), (16, 16), (8, 8), (4, 4)]),
    ],
)
def test_axes_are_halved_to_four_cells_and_no_axis_to_one(
    shape: tuple[int, ...], patch: tuple[int, ...], grids: list[tuple[int, ...]]
) -> None:
    plan = geometry(shape, 0, 16, 4)
    assert plan.patch == patch
    assert [level.grid for level in plan.levels] == grids
    assert [level.width for level in plan.levels[:3]] == [16, 32, 64]


@pytest.mark.parametrize("shape", [(19, 70, 66), (64, 64, 10), (3, 40, 28), (260, 131), (512, 512)])
@pytest.mark.parametrize("channels", [1, 8])
def test_thin_volumes_and_large_pictures_come_back_and_are_learnt_from(shape: tuple[int, ...], channels: int) -> None:
    torch.manual_seed(0)
    plan = geometry(shape, 0, 4, 4)
    encoder, decoder = Encoder(channels, plan, "batch", 0.0), Decoder(3, channels, plan, "batch", 0.0)
    image = torch.rand(2, channels, *shape)
    decoded = decoder(encoder(image)[:, :3])
    assert decoded.shape == image.shape
    (decoded - image).square().mean().backward()
    for parameter in (*encoder.parameters(), *decoder.parameters()):
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("stride", [(1, 2, 2), (2, 1, 2), (2, 2, 1)])
def test_a_stride_of_each_axis_takes_every_second_cell_of_that_axis_only(stride: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    block = ResidualBlock(4, 8, (3, 4, 6), stride, norm="none")
    x = torch.randn(2, 4, 3, 4, 6)
    every = tuple(slice(None, None, each) for each in stride)
    first, _, act, _, second, _ = block.inner
    at_full = torch.nn.functional.conv3d(x, first.weight, first.bias, padding=1)[:, :, *every]
    expected = torch.nn.functional.silu(block.shortcut(x[:, :, *every]) + second(act(at_full)))
    torch.testing.assert_close(block(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["batch", "group", "none"])
@pytest.mark.parametrize("shape", AWKWARD)
def test_any_shape_comes_back(shape: tuple[int, ...], norm: Norm) -> None:
    plan = geometry(shape, 0, 4, 3)
    encoder, decoder = Encoder(2, plan, norm, 0.1).eval(), Decoder(3, 2, plan, norm, 0.1).eval()
    with torch.no_grad():
        features = encoder(torch.rand(1, 2, *shape))
        assert features.shape == (1, plan.features)
        assert decoder(torch.zeros(1, 3)).shape == (1, 2, *shape)


@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_number_of_blocks(blocks: int) -> None:
    plan = geometry((64, 64, 64), 0, 16, blocks)
    for network in (Encoder(1, plan, "batch", 0.0), Decoder(2, 1, plan, "batch", 0.0)):
        assert sum(isinstance(module, ResidualBlock) for module in network.modules()) == blocks


def test_geometry_of_the_liver() -> None:
    plan = geometry((64, 64, 64), 0, 16, 4)
    assert plan.patch == (4, 4, 4)
    assert [level.grid[0] for level in plan.levels] == [16, 8, 4, 4]
    assert [level.width for level in plan.levels] == [16, 32, 64, 64]
    assert plan.features == 64 * 4**3


@pytest.mark.parametrize(
    ("shape", "patch"), [((64, 64, 64), 4), ((28, 28), 4), ((15, 99), 1), ((16, 99), 2), ((9,), 9)]
)
def test_patches_follow_size(shape: tuple[int, ...], patch: int) -> None:
    assert set(geometry(shape, 0, 4, 2).patch) == {patch}
    if len(shape) > 1:
        assert set(geometry(shape, 3, 4, 2).patch) == {3}


def test_every_voxel_reaches_the_features_and_every_latent_the_image() -> None:
    plan = geometry((9, 7), 2, 4, 2)
    image = torch.rand(2, 1, 9, 7, requires_grad=True)
    Encoder(1, plan, "none", 0.0)(image).square().sum().backward()
    assert image.grad is not None
    assert (image.grad != 0).all()
    z = torch.rand(2, 3)
    decoder = Decoder(3, 1, plan, "none", 0.0)
    moved = decoder(z + torch.tensor([0, 1.0, 0])) - decoder(z)
    assert (moved != 0).all()


def test_a_subject_does_not_depend_on_its_batch_in_evaluation() -> None:
    plan = geometry((6, 5, 7), 0, 4, 2)
    encoder = Encoder(1, plan, "batch", 0.2)
    encoder(torch.rand(8, 1, 6, 5, 7))  # moves the running statistics
    encoder.eval()
    image = torch.rand(5, 1, 6, 5, 7)
    torch.testing.assert_close(encoder(image)[2:3], encoder(image[2:3]))


@pytest.mark.parametrize(("stride", "kernel"), [(1, 3), (2, 3), (1, 1)])
def test_one_volume_is_convolved_as_one_of_several(stride: int, kernel: int) -> None:
    torch.manual_seed(0)
    convolution = Conv3d(3, 4, kernel, stride, kernel // 2)
    images = channels_last(torch.randn(2, 3, 5, 6, 7))
    with torch.no_grad():
        several, alone = convolution(images)[:1], convolution(images[:1])
    torch.testing.assert_close(alone, several, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(alone, convolution(images[:1]).detach(), rtol=1e-5, atol=1e-6)
    convolution(images[:1]).sum().backward()
    assert convolution.weight.grad is not None
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert convolution(images[:1]).dtype == torch.bfloat16


def test_latents_of_training_subjects_reach_the_decoder_linearly_and_far_ones_do_not() -> None:
    decoder = Decoder(1, 1, geometry((8, 8), 0, 4, 2), "none", 0.0)
    z = torch.tensor([[-1.0], [0.0], [1.0], [2.0], [1e3]])
    found = decoder.compress(z)
    torch.testing.assert_close(found[:4], z[:4], rtol=0.07, atol=0)
    assert found[4] < 20


def test_weights_of_version_0_1_decode_as_they_did() -> None:
    """They have no `reach`: the scale was logarithmic from 1 on."""
    decoder = Decoder(2, 1, geometry((8, 8), 0, 4, 2), "none", 0.0)
    old = {name: value for name, value in decoder.state_dict().items() if name != "reach"}
    decoder.load_state_dict(old)
    z = torch.tensor([[0.5, -3.0]])
    torch.testing.assert_close(decoder.compress(z), z.asinh())


def test_a_projection_with_stride_is_the_strided_convolution() -> None:
    block = ResidualBlock(4, 8, (9, 8), stride=2, norm="none")
    x = torch.randn(3, 4, 9, 8)
    whole = torch.nn.functional.conv2d(x, block.shortcut.weight, block.shortcut.bias, stride=2)
    torch.testing.assert_close(block(x), torch.nn.functional.silu(whole + block.inner(x)))


def test_the_gradient_of_a_narrow_projection_stays_within_its_memory() -> None:
    """oneDNN's strided 1 × 1 convolution of 4 channels ended the process with a damaged heap."""
    code = (
        "import torch\nfrom survembed.models.blocks import ResidualBlock, channels_last\n"
        "block = ResidualBlock(4, 8, (8, 8), stride=2)\n"
        "for _ in range(40):\n"
        "    x = torch.randn(102, 4, 8, 8, requires_grad=True)\n"
        "    block(channels_last(x)).square().mean().backward()\n"
        "    kept = [torch.randn(17) for _ in range(50)]\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "MALLOC_CHECK_": "3"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
