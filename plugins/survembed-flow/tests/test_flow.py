"""The flow is a density, its KL the right number, and the model one that keeps to the contract."""

from __future__ import annotations

import math

import pytest
import torch
from survembed_flow import FlowVAE
from survembed_flow.flow import Flow
from survembed_flow.network import FlowVAENetwork
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from survembed.cohort.subjects import Channel
from survembed.heads import Linear
from survembed.models import CoxVAE
from survembed.survival.batch import Batch
from survembed.testing import conformance

SMALL = {"latent_dim": 3, "width": 4, "blocks": 1}

test_contract = conformance("models", FlowVAE, options={**SMALL, "hidden": 8})


def flow(latent_dim: int, couplings: int = 4) -> Flow:
    """One far from the identity, as no flow is before training."""
    torch.manual_seed(latent_dim)
    made = Flow(latent_dim, couplings, 16)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made.double()


def network(component: CoxVAE) -> FlowVAENetwork:
    torch.manual_seed(0)
    return component.build((Channel("digit", "bernoulli"),), (8, 8), Linear())  # type: ignore[return-value]


def posterior(n: int = 6) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(n, 3), torch.randn(n, 3)


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
def test_log_determinant_is_that_of_the_jacobian(latent_dim: int) -> None:
    made, z = flow(latent_dim), torch.randn(7, latent_dim, dtype=torch.float64)
    _, log_det = made(z)
    for row, found in zip(z, log_det.detach(), strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda at: made(at)[0], row)
        torch.testing.assert_close(found, torch.linalg.slogdet(jacobian).logabsdet)


def test_every_coordinate_moves_and_bends_with_the_others() -> None:
    made, z = flow(3), torch.randn(3, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda at: made(at)[0], z)
    assert (jacobian != 0).all()


def test_the_density_integrates_to_1() -> None:
    edge = torch.linspace(-15, 15, 601, dtype=torch.float64)
    z = torch.cartesian_prod(edge, edge)
    density, normal = flow(2).log_prob(z).exp().detach(), Normal(0, 1).log_prob(z).sum(-1).exp()
    assert float(density.sum() * (edge[1] - edge[0]) ** 2) == pytest.approx(1, abs=1e-4)
    assert (density - normal).abs().sum() > 0.2 * normal.sum()  # and another one than it was at first


def test_untrained_it_is_the_coxvae() -> None:
    """The flow starts as the identity: in evaluation every term is that of the closed form."""
    plain, model = network(CoxVAE(**SMALL)), network(FlowVAE(**SMALL))
    model.load_state_dict({**model.state_dict(), **plain.state_dict()})
    batch = Batch(torch.rand(5, 1, 8, 8), torch.rand(5, dtype=torch.float64), torch.ones(5, dtype=torch.bool))
    expected, found = plain.eval().loss(batch), model.eval().loss(batch)
    assert expected.terms.keys() == found.terms.keys()
    for name, term in expected.terms.items():
        torch.testing.assert_close(found.terms[name], term)


def test_kl_to_a_stretched_normal_is_known() -> None:
    """One coupling of one coordinate is z·eˢ + t: its prior is N(−t·e⁻ˢ, e⁻²ˢ), and fixed draws give the KL exactly."""
    model = network(FlowVAE(latent_dim=1, width=4, blocks=1, couplings=1)).eval()
    (coupling,) = model.prior.couplings
    with torch.no_grad():
        coupling.layers[-1].bias.copy_(torch.tensor([0.5, -1.2]))
    stretch = 2 * math.tanh(0.5 / 2)
    prior = Normal(1.2 * math.exp(-stretch), math.exp(-stretch))
    mu, logvar = torch.randn(4, 1), torch.randn(4, 1)
    expected = kl_divergence(Normal(mu, (0.5 * logvar).exp()), prior)[:, 0]
    torch.testing.assert_close(model.kl(mu, logvar, mu).detach(), expected, rtol=1e-4, atol=1e-4)


def test_the_estimate_in_training_has_no_bias() -> None:
    """The mean over many samples is the integral over the flow's density, and the fixed draws come near it."""
    model = network(FlowVAE(**SMALL, hidden=16))
    model.prior.load_state_dict({name: value.float() for name, value in flow(3).state_dict().items()})
    mu, logvar = posterior()
    q = Normal(mu, (0.5 * logvar).exp())
    samples = q.sample((20_000,))
    with torch.no_grad():
        each = model.train().kl(mu, logvar, samples[:4000])
        expected = (q.log_prob(samples).sum(-1) - model.prior.log_prob(samples)).mean(0)
        error = each.std(0) / math.sqrt(len(each))
        assert ((each.mean(0) - expected).abs() < 4 * error).all()
        fixed = model.eval().kl(mu, logvar, mu)
        assert ((fixed - expected).abs() < 4 * each.std(0) / math.sqrt(16)).all()
        assert (expected > 0).all()
        torch.testing.assert_close(fixed[:1], model.kl(mu[:1], logvar[:1], mu[:1]))  # the same draws for each subject
