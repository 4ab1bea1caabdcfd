"""DeepSurv: the Cox loss alone, and an embedding that is its last hidden layer."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from sksurv.metrics import concordance_index_censored
from torch import nn

from survembed.heads import Linear
from survembed.models import DeepSurv
from survembed.survival.cox_loss import cox_loss
from tests.planted import SHAPES, channels_of
from tests.small import batch, network, study, trained


def test_loss_is_that_of_its_log_hazards() -> None:
    model, data = network("deepsurv").eval(), batch()
    z, logvar = model.posterior(data.image)
    assert logvar is None
    loss = model.loss(data)
    torch.testing.assert_close(loss.total, cox_loss(model.log_hazard(z), data.duration, data.event))
    assert list(loss.terms) == ["cox"]


def test_ties_are_the_heads() -> None:
    data = batch(n=30)
    tied = replace(data, duration=(data.duration / 200).ceil())
    values = []
    for ties in ("breslow", "efron"):
        torch.manual_seed(0)
        model = DeepSurv(latent_dim=3, width=4, blocks=2).build(
            channels_of("image"), SHAPES["image"], Linear(ties=ties)
        )
        values.append(float(model.eval().loss(tied).total.detach()))
    assert values[0] != values[1]


def test_embedding_is_what_the_head_sees() -> None:
    model, data = network("deepsurv").eval(), batch()
    seen: list[torch.Tensor] = []
    assert isinstance(model.head, nn.Module)
    hook = model.head.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    model.loss(data)
    hook.remove()
    torch.testing.assert_close(model.posterior(data.image)[0], seen[0])


@pytest.mark.parametrize("kind", ["table", "image"])
def test_it_learns(kind: str) -> None:
    data = study(kind, 160, 40)
    model = network("deepsurv", kind)
    trained(model, data, updates=80, batch_size=64, rate=5e-3)
    with torch.no_grad():
        hazard = model.log_hazard(model.posterior(data.images[data.validation])[0]).double().numpy()
    index = data.validation
    assert concordance_index_censored(data.event[index].numpy(), data.duration[index].numpy(), hazard)[0] > 0.8
