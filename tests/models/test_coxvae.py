"""CoxVAE: equation (3), and a head that learns who dies sooner."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace

import pytest
import torch
from lifelines.utils import concordance_index

from survembed.cohort.subjects import Channel
from survembed.heads import Linear
from survembed.models import CoxVAE
from survembed.models.base import parameter_groups
from tests.small import batch, network, study, trained


@pytest.mark.parametrize("tau", [0.0, 0.2, 1.0])
def test_tau_weighs_the_terms(tau: float) -> None:
    data = batch("image")
    options = {"reduction": "sum", "beta": 1.0}
    cox_vae, vae = network("coxvae", tau=tau, **options).eval(), network("vae", **options).eval()
    vae.load_state_dict({name: value for name, value in cox_vae.state_dict().items() if not name.startswith("head.")})
    assert cox_vae.head is not None
    cox = cox_vae.head.loss(cox_vae.posterior(data.image)[0], data)
    loss = cox_vae.loss(data)
    torch.testing.assert_close(loss.terms["cox"], (1 - tau) * cox)
    torch.testing.assert_close(loss.total, tau * vae.loss(data).total + (1 - tau) * cox)
    assert cox_vae.loss_weights == {"reconstruction": tau, "kl": tau, "cox": 1 - tau}
    torch.testing.assert_close(loss.record["cox"], cox)  # records are unweighted
    torch.testing.assert_close(loss.record["kl_nats"], vae.loss(data).record["kl_nats"])


@pytest.mark.parametrize("head", ["linear", "deepsurv"])
@pytest.mark.parametrize("name", ["coxvae", "deepsurv"])
def test_no_event_gives_the_head_no_gradient(name: str, head: str) -> None:
    model, data = network(name, head=head), batch()
    loss = model.loss(replace(data, event=torch.zeros_like(data.event)))
    loss.total.backward()
    assert torch.isfinite(loss.total)
    assert not loss.terms["cox"].detach().any()
    for parameter in parameter_groups(model)[1]:
        assert parameter.grad is not None
        assert not parameter.grad.any()


@pytest.mark.parametrize("head", ["linear", "deepsurv"])
def test_who_dies_sooner_gets_the_higher_hazard(head: str) -> None:
    data = study("table", 200, 0)
    model = network("coxvae", "table", head=head, tau=0.2)
    trained(model, data, updates=120, batch_size=64, rate=1e-2)
    with torch.no_grad():
        hazard = model.log_hazard(model.posterior(data.images[torch.arange(200)])[0])
    assert concordance_index(data.duration.numpy(), -hazard.numpy(), data.event.numpy()) > 0.8


def test_tau_one_leaves_psi_alone() -> None:
    model = network("coxvae", tau=1.0)
    assert model.head is not None
    before = {name: value.clone() for name, value in model.head.state_dict().items()}
    trained(model, study(validation=0), weight_decay=0.0, updates=5, schedule="constant", average=0.0)
    for name, value in model.head.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("name", ["coxvae", "deepsurv"])
def test_the_head_is_float32_where_convolutions_are_bf16(name: str) -> None:
    model, data = network(name, "image"), batch("image")
    assert model.head is not None
    seen: list[torch.dtype] = []
    model.head.register_forward_hook(lambda _, inputs, output: seen.extend([inputs[0].dtype, output.dtype]))
    with torch.autocast("cpu", torch.bfloat16):
        model.loss(data)
    assert set(seen) == {torch.float32}


IMAGES = {
    "ct": (Channel("ct", "gaussian"), Channel("tumour", "bernoulli", overlay=True)),
    "digit": (Channel("digit", "bernoulli"),),
    "table": (Channel("table", "gaussian", standardise=True),),
}


@pytest.mark.parametrize(
    ("kind", "shape", "digest", "weights", "outputs"),
    [
        ("ct", (64, 64, 64), "39979f8187ec9b57", 20432.40984, [0.28972874, 0.19321085, 0.24838487, 0.25231054]),
        ("ct", (32, 32, 32), "515614b5a3be4e57", 11599.97485, [0.35513598, 0.38417929, 0.2482015, 0.25440749]),
        ("digit", (28, 28), "cb3d79ea0ba36ede", 4979.806819, [0.33431676, 0.52254307, 0.50224676, 0.0139056]),
        ("digit", (8, 8), "0977706cca75b833", 4825.66016, [0.34069438, 0.26674249, 0.50448018, 0.00637404]),
        ("table", (12,), "6d2330a8343be460", 5530.044621, [1.12855079, 0.61325638, -0.01115955, 0.13088997]),
    ],
)
def test_networks_for_livers_digits_and_tables_are_those_of_earlier_runs(
    kind: str, shape: tuple[int, ...], digest: str, weights: float, outputs: list[float]
) -> None:
    """Names and shapes of all weights, their first values at a seed, and what they compute: stored runs need them."""
    torch.manual_seed(3)
    channels = IMAGES[kind]
    model = CoxVAE().build(channels, shape, Linear()).eval()
    names = "".join(f"{name} {tuple(value.shape)}\n" for name, value in model.state_dict().items())
    assert hashlib.sha256(names.encode()).hexdigest()[:16] == digest
    total = sum(float(parameter.detach().double().abs().sum()) for parameter in model.parameters())
    assert total == pytest.approx(weights, rel=1e-9)
    image = torch.linspace(0, 1, 2 * len(channels) * math.prod(shape)).reshape(2, len(channels), *shape)
    with torch.no_grad():
        mu, logvar = model.posterior(image)
        decoded = model.decode(mu + 1).double()
    assert logvar is not None
    found = [mu.double().abs().sum(), logvar.double().abs().sum(), decoded.mean(), decoded.std()]
    assert [float(value) for value in found] == pytest.approx(outputs, rel=1e-5)
