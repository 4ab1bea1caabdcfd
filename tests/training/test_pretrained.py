"""Layers of another model: taken whole where names and shapes agree, and nothing else."""

from __future__ import annotations

import torch

from survembed.models.base import Model
from survembed.training.pretrained import take_weights
from tests.small import batch, network


def same(model: Model, other: Model, start: str) -> bool:
    own, theirs = model.state_dict(), other.state_dict()
    names = [name for name in own if name.startswith(start)]
    assert names
    return all(torch.equal(own[name], theirs[name]) for name in names)


def test_a_vae_starts_a_coxvae_which_keeps_its_head_and_its_scale() -> None:
    vae, model = network("vae", seed=1), network("coxvae", seed=2)
    vae.train()
    vae.loss(batch())  # moves the running statistics of batch normalisation
    vae.fit_input(torch.full((1, 8, 8), 0.3), torch.full((1, 8, 8), 0.2))
    head = {name: value.clone() for name, value in model.state_dict().items() if name.startswith("head")}
    taken = take_weights(model, vae.state_dict())
    assert taken.encoder
    assert not taken.left
    assert same(model, vae, "encoder.")
    assert same(model, vae, "decoder.")
    assert same(model, vae, "mu.")
    assert all(torch.equal(model.state_dict()[name], value) for name, value in head.items())
    assert not model.state_dict()["mean_image"].any()  # of the other cohort
    assert taken.parts.startswith("encoder ")
    assert "mu 1 of 1" in taken.parts


def test_more_channels_leave_the_first_and_the_last_layer() -> None:
    vae, model = network("vae", "volume"), network("coxvae", "volume", seed=2)
    weights = vae.state_dict()
    for name in ("encoder.layers.0.weight", "decoder.out.weight", "decoder.out.bias"):
        axis = 1 if name.startswith("encoder") else 0
        weights[name] = torch.cat([weights[name]] * 2, axis)
    before = model.state_dict()["encoder.layers.0.bias"].clone()
    taken = take_weights(model, weights)
    assert set(taken.left) == {"encoder.layers.0", "decoder.out"}
    assert taken.encoder
    assert torch.equal(model.state_dict()["encoder.layers.0.bias"], before)  # a layer is taken whole or not at all
    assert same(model, vae, "encoder.layers.1.")


def test_another_width_or_number_of_axes_fits_no_encoder() -> None:
    model = network("coxvae", seed=2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for other in (network("vae", width=8), network("vae", "volume")):
        assert not take_weights(model, other.state_dict()).encoder
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items() if "encoder" in name)


def test_deepsurv_takes_the_encoder_alone() -> None:
    vae, model = network("vae", seed=1), network("deepsurv", seed=2)
    taken = take_weights(model, vae.state_dict())
    assert same(model, vae, "encoder.")
    assert set(taken.left.values()) == {"not in that run"}
    assert {name.split(".")[0] for name in taken.left} == {"hidden"}
