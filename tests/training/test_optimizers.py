"""The moving average of the weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from survembed.training.optimizers import Average


def small() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_weights_are_averaged_and_running_statistics_are_those_of_the_model() -> None:
    model = small()
    average = Average(model, 0.9)
    expected = model[0].weight.detach().clone()
    for update in range(1, 6):
        with torch.no_grad():
            model[0].weight.add_(1.0)
        model(torch.randn(8, 3))  # moves the running statistics
        average.set_weight(update)
        average.follow()
        decay = min(0.9, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * model[0].weight.detach()
        torch.testing.assert_close(average.model[0].weight, expected)
    for (name, ours), theirs in zip(average.model.named_buffers(), model.buffers(), strict=True):
        assert torch.equal(ours, theirs), name
        assert ours is not theirs


def test_without_decay_it_is_the_model_itself() -> None:
    model = small()
    assert Average(model, 0.0).model is model
