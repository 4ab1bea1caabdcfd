"""The ELBO term by term against torch.distributions: equation (1) of the paper."""

from __future__ import annotations

import math
from typing import cast

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, ContinuousBernoulli, Independent, Normal, kl_divergence
from torch.nn import functional as F  # noqa: N812 — the name every torch user knows

from survembed.models.vae import AMOUNT_GAIN, SIGMA, VAENetwork
from tests.small import batch, network


def vae(kind: str, **options: object) -> VAENetwork:
    return cast(VAENetwork, network("vae", kind, **options).eval())


def posterior(model: VAENetwork, image: Tensor) -> tuple[Normal, Tensor]:
    mu, logvar = model.posterior(image)
    return Normal(mu, (0.5 * logvar).exp()), mu


def test_the_amount_shifts_the_log_odds_of_every_voxel_alike() -> None:
    model = vae("image")
    assert model.amount is not None
    z = torch.tensor([[0.0, 0.0], [3.0, 0.0]])
    without = model.decode(z)
    torch.nn.init.constant_(model.amount.weight, 0.5)
    shift = model.decode(z).logit() - without.logit()
    expected = AMOUNT_GAIN * 0.5 * torch.tensor([0.0, math.asinh(3.0)])
    torch.testing.assert_close(shift, expected[:, None, None, None].expand_as(shift), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", ["table", "image", "volume"])
def test_kl_in_nats(kind: str) -> None:
    model, data = vae(kind, beta=3.0), batch(kind)
    q, _ = posterior(model, data.image)
    expected = kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean()
    loss = model.loss(data)
    torch.testing.assert_close(loss.record["kl_nats"], expected)
    torch.testing.assert_close(loss.terms["kl"], 3 * expected)


def test_bernoulli() -> None:
    """On black and white images it is the log probability; on grey ones the cross-entropy."""
    model, data = vae("image", reduction="sum"), batch("image")
    image = (data.image > 0.5).float()
    logits = torch.randn_like(image)
    expected = -Independent(Bernoulli(logits=logits), 3).log_prob(image).mean()
    torch.testing.assert_close(model.reconstruction(logits, image), expected)
    grey = model.reconstruction(logits, data.image)
    fraction = logits.sigmoid()
    by_hand = -(data.image * fraction.log() + (1 - data.image) * (1 - fraction).log())
    torch.testing.assert_close(grey, by_hand.flatten(1).sum(1).mean())
    norm = ContinuousBernoulli(logits=logits)._cont_bern_log_norm()  # what sets the two apart on grey
    torch.testing.assert_close(-(ContinuousBernoulli(logits=logits).log_prob(data.image) - norm), by_hand)


def test_gaussian_with_learned_sigma() -> None:
    model, data = vae("table", reduction="sum", sigma="learned"), batch("table")
    with torch.no_grad():
        model.log_sigma.fill_(0.3)
    mean, target = torch.randn_like(data.image), torch.randn_like(data.image)
    expected = -Normal(mean, torch.tensor(0.3).exp()).log_prob(target).flatten(1).sum(1).mean()
    torch.testing.assert_close(model.reconstruction(mean, target), expected)


@pytest.mark.parametrize(("kind", "sigma"), [("table", 1.0), ("volume", SIGMA)])
def test_gaussian_with_fixed_sigma_leaves_out_its_constant(kind: str, sigma: float) -> None:
    model = vae(kind, reduction="sum")
    shape = (4, *batch(kind).image.shape[1:])
    output, target = torch.randn(shape), torch.rand(shape)
    density = Normal(output[:, 0], sigma)
    constant = Normal(0.0, sigma).log_prob(torch.zeros(()))
    expected = -(density.log_prob(target[:, 0]) - constant).flatten(1).sum(1).mean()
    if kind == "volume":
        expected = expected + F.binary_cross_entropy_with_logits(output[:, 1], target[:, 1], reduction="sum") / 4
    torch.testing.assert_close(model.reconstruction(output, target), expected)
    assert not model.log_sigma.requires_grad


def test_sum_is_mean_times_voxels_and_channels() -> None:
    data = batch("volume")
    mean, total = (
        float(vae("volume", reduction=how).loss(data).terms["reconstruction"].detach()) for how in ("mean", "sum")
    )
    assert total == pytest.approx(mean * 2 * 6 * 7 * 8, rel=1e-5)


def test_sum_with_beta_one_is_equation_one() -> None:
    """-E_q[log p(x|z)] + KL(q || N(0, I)) per subject, with z at its mean in evaluation."""
    model, data = vae("image", reduction="sum", beta=1.0), batch("image")
    q, mu = posterior(model, data.image)
    log_p = data.image * F.logsigmoid(model.decoder(mu)) + (1 - data.image) * F.logsigmoid(-model.decoder(mu))
    expected = -log_p.flatten(1).sum(1) + kl_divergence(q, Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(model.loss(data).total, expected.mean())


def test_z_is_mu_in_evaluation_and_a_sample_in_training() -> None:
    model, data = cast(VAENetwork, network("vae", norm="none")), batch()
    with torch.no_grad():
        model.logvar.bias.fill_(-2.0)  # away from 1, where variance and deviation are the same
    mu, logvar = model.posterior(data.image)
    assert torch.equal(model.eval().vae_loss(data.image)[2], mu)
    model.train()
    many = torch.stack([model.vae_loss(data.image)[2] for _ in range(400)]).detach()
    assert (many[0] != many[1]).all()
    torch.testing.assert_close(many.mean(0), mu.detach(), atol=0.3, rtol=0)
    torch.testing.assert_close(many.var(0).log(), logvar.detach(), atol=0.35, rtol=0)


def test_decode_gives_fractions_for_masks_and_units_for_tables() -> None:
    z = 5 * torch.randn(6, 2)
    image = vae("volume").decode(z)
    assert ((image[:, 1] > 0) & (image[:, 1] < 1)).all()
    model = vae("table")
    model.fit_input(torch.full((1, 5), 1000.0), torch.full((1, 5), 20.0))
    torch.testing.assert_close(model.decode(z), model.decoder(z) * 20 + 1000)


def test_variance_is_bounded() -> None:
    """An unbounded log-variance overflows exp() in the first updates on data that are not scaled."""
    model = vae("table")
    logvar = model.posterior(torch.full((1, 1, 5), 1e12))[1]
    assert logvar.abs().max() <= 12
    assert torch.isfinite(model.vae_loss(torch.full((1, 1, 5), 1e12))[0]["kl"])


def test_active_units_are_those_with_a_message() -> None:
    model, data = vae("image"), batch()
    with torch.no_grad():
        for layer, bias in ((model.mu, [0.0, 2.0]), (model.logvar, [0.0, 0.0])):
            layer.weight.zero_()
            layer.bias.copy_(torch.tensor(bias))
    assert int(model.loss(data).record["active_units"]) == 1
