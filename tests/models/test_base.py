"""What holds for every model: scaling of inputs, shares of a loss, who has which parameters."""

from __future__ import annotations

import pytest
import torch

from survembed.cohort.subjects import Channel
from survembed.models.base import InputScale, Loss, Model, parameter_groups
from tests.small import batch, network


def test_scaling_standardises_what_asks_for_it_and_comes_back() -> None:
    channels = (Channel("ct", "gaussian"), Channel("table", "gaussian", standardise=True))
    scale = InputScale(channels, (4,))
    images = torch.randn(50, 2, 4) * torch.tensor([1.0, 2.0, 3.0, 4.0]) + 7
    scale.fit(images.mean(0), images.std(0))
    scaled = scale(images)
    torch.testing.assert_close(scaled[:, 0], images[:, 0])
    torch.testing.assert_close(scaled[:, 1].mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled[:, 1].std(0), torch.ones(4))
    torch.testing.assert_close(scale.inverse(scaled), images)


@pytest.mark.parametrize("value", [0.0, 0.1, 3.3, -12345.678])
def test_a_constant_is_only_centred(value: float) -> None:
    """The deviation of a constant in floating point is often not zero, but its rounding."""
    scale = InputScale((Channel("table", "gaussian", standardise=True),), (1,))
    column = torch.full((1, 1), value)
    for deviation in (0.0, 1e-8 * abs(value)):
        scale.fit(column, torch.full((1, 1), deviation))
        torch.testing.assert_close(scale(column[None] + 0.5), torch.full((1, 1, 1), 0.5), atol=1e-3, rtol=0)


def test_nothing_is_scaled_without_need() -> None:
    scale = InputScale((Channel("ct", "gaussian"),), (3, 3))
    assert [buffer.numel() for buffer in scale.buffers()] == [1, 1]
    image = torch.rand(2, 1, 3, 3)
    assert scale(image) is image
    assert scale.inverse(image) is image


def test_shares_are_of_sizes_and_total_is_the_sum() -> None:
    loss = Loss({"a": torch.tensor(3.0), "b": torch.tensor(-1.0)}, {})
    assert loss.shares == {"a": 0.75, "b": 0.25}
    assert float(loss.total) == 2.0
    assert Loss({"a": torch.tensor(0.0)}, {}).shares == {"a": 0.0}


@pytest.mark.parametrize("name", ["vae", "coxvae", "deepsurv"])
def test_every_parameter_is_in_one_group(name: str) -> None:
    model = network(name)
    body, head = parameter_groups(model)
    assert {id(p) for p in body} | {id(p) for p in head} == {id(p) for p in model.parameters()}
    assert len(body) + len(head) == len(list(model.parameters()))
    assert len(head) == (0 if name == "vae" else 1)


@pytest.mark.parametrize("kind", ["table", "image", "volume"])
@pytest.mark.parametrize("name", ["vae", "coxvae", "deepsurv"])
def test_the_interface(name: str, kind: str) -> None:
    model, data = network(name, kind), batch(kind)
    model.train()
    model.loss(data).total.backward()
    unused = [name for name, p in model.named_parameters() if p.requires_grad and p.numel() and p.grad is None]
    assert unused == []
    model.eval()
    mu, logvar = model.posterior(data.image)
    assert mu.shape == (12, model.latent_dim)
    assert mu.dtype == torch.float32
    assert (logvar is None) == (name == "deepsurv")
    if name != "vae":
        assert model.log_hazard(mu).shape == (12,)
    if model.decodes:
        assert model.decode(mu).shape == data.image.shape
    torch.testing.assert_close(model.posterior(data.image[:1])[0], mu[:1])  # one subject alone
    assert torch.equal(model.loss(data).total, model.loss(data).total)  # no chance in evaluation


def test_what_a_model_lacks_it_says() -> None:
    with pytest.raises(TypeError, match="has no head"):
        network("vae").log_hazard(torch.zeros(1, 2))
    with pytest.raises(TypeError, match="does not decode"):
        network("deepsurv").decode(torch.zeros(1, 2))
    for method, argument in (("posterior", torch.zeros(1)), ("loss", batch())):
        with pytest.raises(TypeError, match=f"must implement {method}"):
            getattr(Model(), method)(argument)
