"""Dead terms and collapsed dimensions are seen, and a remedy is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from survembed.progress import Reporter
from survembed.training.training_data import TrainingData
from survembed.training.watch import gradient_norms, probe, warnings
from tests.small import network, study, trained


def test_gradient_norms_are_those_of_each_term_alone() -> None:
    model, data = network("coxvae").eval(), study()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    found = gradient_norms(model.loss(data.batch(data.train)), parameters)
    for name, norm in found.items():
        model.zero_grad()
        model.loss(data.batch(data.train)).terms[name].backward()
        whole = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
        assert norm == pytest.approx(float(whole.norm()), rel=1e-5)


def row(**fields: Any) -> dict[str, Any]:
    return {"update": 9, "empty_share": 0.0, "kl_of_dimensions": [0.5, 0.3], **fields}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row()], []),
        ([], []),
        ([row(gradient_norms={"cox": 1e-4, "kl": 0.1, "reconstruction": 5.0})], ["cox term", "--tau"]),
        ([row(gradient_norms={"cox": 2.0, "kl": 1e-6, "reconstruction": 5.0})], []),
        ([row(kl_of_dimensions=[0.5, 0.001])], ["1 of 2", "z1", "--beta"]),
        ([row(kl_of_dimensions=[0.0, 0.001])], ["all latent dimensions have collapsed", "--beta"]),
        ([row(kl_of_dimensions=None)], []),
        ([row(empty_share=0.4)], ["40%", "--sampler events"]),
        ([row(median_correlation=0.95)], ["copies of one another", "0.95", "--reconstruction-weight"]),
        ([row(median_correlation=0.6)], []),
        ([row(median_correlation=None)], []),
    ],
)
def test_warnings(rows: list[dict[str, Any]], words: list[str]) -> None:
    text = "; ".join(warnings(rows))
    assert all(word in text for word in words)
    assert bool(text) == bool(words)


class Listening(Reporter):
    def __init__(self) -> None:
        self.warned: list[str] = []

    def warn(self, text: str) -> None:
        self.warned.append(text)


def test_a_training_with_an_absurd_beta_says_so() -> None:
    listening = Listening()
    trained(network("coxvae", beta=1e4), study(), updates=60, rate=1e-2, reporter=listening)
    assert any("collapsed" in text for text in listening.warned), listening.warned


def few_events(n_events: int = 4) -> TrainingData:
    """A study in which the first subjects of the training part are censored, and the last ones have the event."""
    data = study()
    event = torch.zeros_like(data.event)
    event[len(data.train) - n_events : len(data.train)] = True
    event[data.validation[::2]] = True
    return replace(data, event=event)


@pytest.mark.parametrize(("tau", "weight", "warned"), [(0.02, 1.0, False), (0.5, 1.0, False), (0.5, 1e5, True)])
def test_the_cox_term_is_judged_on_events(tau: float, weight: float, warned: bool) -> None:
    """The first batch of the training part has no event."""
    listening, data = Listening(), few_events()
    model = network("coxvae", tau=tau, reconstruction_weight=weight)
    trained(model, data, updates=20, batch_size=8, sampler="events", reporter=listening)
    texts = [text for text in listening.warned if "the cox term" in text]
    assert bool(texts) is warned, listening.warned


@pytest.mark.parametrize("size", [2, 3, 8, 40, 100])
@pytest.mark.parametrize("n_events", [0, 1, 4, 39, 40])
def test_a_probe_holds_the_first_event_and_others_at_risk(size: int, n_events: int) -> None:
    data = few_events(n_events)
    found = probe(data, size)
    assert len(found.unique()) == len(found) == min(size, 40)
    assert set(found.tolist()) <= set(data.train.tolist())
    share = float(data.event[found].float().mean()) * len(found)
    assert share == pytest.approx(max(len(found) * n_events / 40, min(1, n_events)), abs=0.5)
    if n_events:
        first = data.duration[found][data.event[found]].min()
        assert first == data.duration[data.train][data.event[data.train]].min()
        assert int((data.duration[found] >= first).sum()) > 1
