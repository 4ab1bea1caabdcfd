"""Precision: bf16 only for volumes, and only where it is faster and agrees."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from survembed.training import precision
from survembed.training.precision import choose_precision
from tests.small import batch, network, study, trained


def test_what_is_asked_is_taken() -> None:
    model, data = network("coxvae"), batch()
    assert choose_precision("bf16", model, data) == "bf16"
    assert choose_precision("float32", model, data) == "float32"
    assert choose_precision("auto", model, data) == "float32"  # no volume


@pytest.mark.parametrize(
    ("loss", "seconds", "chosen"),
    [(1.01, 0.5, "bf16"), (1.05, 0.5, "float32"), (1.0, 0.95, "float32"), (float("nan"), 0.5, "float32")],
)
def test_faster_and_in_agreement(
    loss: float, seconds: float, chosen: Literal["float32", "bf16"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_trial", lambda model, data, *, bf16: (loss, seconds) if bf16 else (1.0, 1.0))
    assert choose_precision("auto", network("coxvae", "volume"), batch("volume")) == chosen


def test_a_trial_leaves_no_trace() -> None:
    model, data = network("coxvae", "volume"), batch("volume")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    choose_precision("auto", model, data)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_bf16_trains_with_float32_weights_and_latents() -> None:
    model, data = network("coxvae", "volume"), study("volume", 40, 10)
    outcome, rows = trained(model, data, precision="bf16", updates=6, batch_size=8)
    assert outcome.precision == "bf16"
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    assert {row["update"] for row in rows} == {5, 6}
    with torch.autocast("cpu", torch.bfloat16):
        mu, logvar = model.posterior(data.images[data.validation])
    assert mu.dtype == torch.float32
    assert logvar is not None
    assert logvar.dtype == torch.float32
