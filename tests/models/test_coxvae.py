"""CoxVAE: equation (3), and a head that learns who dies sooner."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from lifelines.utils import concordance_index

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
