"""The ELBO term by term against torch.distributions: equation (1) of the paper."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import entr, expit, rel_entr
from torch import Tensor
from torch.distributions import Bernoulli, ContinuousBernoulli, Independent, Normal, kl_divergence
from torch.nn import functional as F  # noqa: N812 — the name every torch user knows

from survembed.cohort.subjects import Channel
from survembed.errors import UsageError
from survembed.models import VAE
from survembed.models.blocks import REACH
from survembed.models.vae import AMOUNT_GAIN, SIGMA, VAENetwork, weight_by_events
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
    expected = AMOUNT_GAIN * 0.5 * torch.tensor([0.0, REACH * math.asinh(3.0 / REACH)])
    torch.testing.assert_close(shift, expected[:, None, None, None].expand_as(shift), rtol=1e-3, atol=1e-3)


def test_the_log_volume_of_a_mask_moves_mu_and_starts_without_effect() -> None:
    image = batch("volume").image.clone()
    image[:, 1] = (
        torch.rand_like(image[:, 1]) * torch.tensor([0.0, 0.1, 1.0]).repeat(len(image))[: len(image), None, None, None]
    )
    model = fitted(vae("volume", mask_volume=True), image).eval()
    masks = model.bernoulli
    with torch.no_grad():
        before = model.posterior(image)[0]
        assert model.mask_volume is not None
        model.mask_volume.weight[0, -1] = 0.5
        moved = model.posterior(image)[0] - before
    volume = image[:, masks[-1]].sum((1, 2, 3)).double()
    mean = image[:, masks[-1]].mean(0).clamp(1e-4, 1 - 1e-4).sum().double()
    torch.testing.assert_close(
        moved[:, 0].double(), AMOUNT_GAIN * 0.5 * ((volume + 1) / (mean + 1)).log(), rtol=1e-3, atol=1e-3
    )
    assert (moved[:, 1:] == 0).all()
    assert vae("volume").mask_volume is None
    assert vae("table", mask_volume=True).mask_volume is None


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


def fitted(model: VAENetwork, image: Tensor) -> VAENetwork:
    """The model that knows the moments of these images (n, C, *shape)."""
    exact = image.double()
    model.fit_input(exact.mean(0).float(), exact.std(0, correction=0).float())
    fractions = exact.clamp(0, 1).numpy()
    model.fit_entropy(torch.from_numpy((entr(fractions) + entr(1 - fractions)).mean(0)).flatten(1).sum(1))
    return model


def share_of(model: VAENetwork, image: Tensor, output: Tensor) -> float:
    return float(model.reconstruction(output, model.input(image)))


@pytest.mark.parametrize("kind", ["table", "image", "volume"])
def test_the_share_is_1_for_the_mean_image_and_0_for_a_perfect_decoder(kind: str) -> None:
    image = batch(kind, 40).image
    model = fitted(vae(kind), image)
    assert share_of(model, image, model.mean_image.expand_as(image)) == pytest.approx(1, rel=1e-3)
    perfect = model.input(image).clone()
    perfect[:, model.bernoulli] = perfect[:, model.bernoulli].clamp(1e-6, 1 - 1e-6).logit()
    assert share_of(model, image, perfect) == pytest.approx(0, abs=1e-3)


def test_the_share_by_hand() -> None:
    """Bernoulli: relative entropies. Gaussian: squared errors. Each over that of the mean image, then averaged."""
    image = batch("volume", 40).image.double().numpy()
    model = fitted(vae("volume"), torch.from_numpy(image).float())
    ct, logits = (np.random.default_rng(seed).random(image[:, 0].shape) for seed in (0, 1))

    def deviance(fraction: NDArray[np.float64]) -> float:
        return float((rel_entr(image[:, 1], fraction) + rel_entr(1 - image[:, 1], 1 - fraction)).sum())

    gaussian = ((ct - image[:, 0]) ** 2).sum() / ((image[:, 0].mean(0) - image[:, 0]) ** 2).sum()
    bernoulli = deviance(expit(logits)) / deviance(np.broadcast_to(image[:, 1].mean(0), image[:, 1].shape))
    output = torch.from_numpy(np.stack([ct, logits], axis=1)).float()
    found = share_of(model, torch.from_numpy(image).float(), output)
    assert found == pytest.approx((gaussian + bernoulli) / 2, rel=1e-4)


@given(factor=st.floats(0.01, 100), repeat=st.integers(1, 3), seed=st.integers(0, 99))
def test_the_share_does_not_depend_on_the_size_or_the_unit(factor: float, repeat: int, seed: int) -> None:
    """Twice the voxels, or a channel in another unit, leave the share of the same error as it is."""
    rng = np.random.default_rng(seed)
    image = torch.from_numpy(rng.random((9, 2, 4, 4))).float()
    output = torch.from_numpy(rng.normal(size=image.shape)).float()
    channels = (Channel("ct", "gaussian"), Channel("tumour", "bernoulli"))

    def share(edge: int, unit: float) -> float:
        network = cast(VAENetwork, VAE(width=2, blocks=1, latent_dim=2).build(channels, (edge, edge)))
        scale = torch.tensor([unit, 1.0])[:, None, None]
        larger = (image * scale).repeat_interleave(edge // 4, 2).repeat_interleave(edge // 4, 3)
        guess = (output * scale).repeat_interleave(edge // 4, 2).repeat_interleave(edge // 4, 3)
        return share_of(fitted(network, larger), larger, guess)

    one = share(4, 1.0)
    assert share(4 * repeat, max(factor, 0.1)) == pytest.approx(one, rel=1e-3)


def test_a_voxel_that_never_varies_adds_nothing_to_the_denominator() -> None:
    """`InputScale` gives it a deviation of 1."""
    image = batch("table", 40).image
    constant = image.clone()
    constant[:, :, 3:] = 7.0
    model = fitted(vae("table"), constant)
    assert model.null_deviance.tolist() == pytest.approx([3.0], rel=1e-4)
    assert share_of(model, constant, torch.zeros_like(constant)) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("kind", ["table", "image", "volume"])
def test_constant_images_have_a_finite_share(kind: str) -> None:
    image = torch.zeros_like(batch(kind, 4).image)
    model = fitted(vae(kind), image)
    assert math.isfinite(share_of(model, image, model.mean_image.expand_as(image)))
    assert share_of(model, image, model.mean_image.expand_as(image)) <= 1.01


def test_the_weight_of_the_reconstruction() -> None:
    data = batch("volume")
    for options, weight in (({}, 25.0), ({"reconstruction_weight": 3.0}, 3.0), ({"reduction": "mean"}, 1.0)):
        model = vae("volume", **options)
        model.fit_outcome(data.duration, data.event)
        loss = model.loss(data)
        torch.testing.assert_close(loss.terms["reconstruction"], weight * loss.record["reconstruction"])
        assert model.loss_weights == {"reconstruction": weight, "kl": 0.01}


def test_the_default_weight_follows_the_standard_error_of_the_cox_term() -> None:
    assert [weight_by_events(n) for n in (0, 1, 30, 1000)] == [25.0] * 4
    assert weight_by_events(4000) == pytest.approx(25 / 2)
    assert weight_by_events(10**6) == 4.0


def test_a_learnt_sigma_needs_a_likelihood() -> None:
    with pytest.raises(UsageError, match="sigma = learned needs reduction = mean or sum"):
        vae("table", sigma="learned")


def test_a_weight_of_the_share_needs_a_share() -> None:
    with pytest.raises(UsageError, match="reconstruction_weight needs reduction = share"):
        vae("table", reduction="sum", reconstruction_weight=2.0)


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
