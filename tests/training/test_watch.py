"""Dead terms and collapsed dimensions are seen, and a remedy is named."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from survembed.training.watch import gradient_norms, warnings
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
    ],
)
def test_warnings(rows: list[dict[str, Any]], words: list[str]) -> None:
    text = "; ".join(warnings(rows))
    assert all(word in text for word in words)
    assert bool(text) == bool(words)


def test_a_training_with_an_absurd_beta_says_so() -> None:
    from survembed.progress import Reporter

    class Listening(Reporter):
        def __init__(self) -> None:
            self.warned: list[str] = []

        def warn(self, text: str) -> None:
            self.warned.append(text)

    listening = Listening()
    trained(network("coxvae", beta=1e4), study(), updates=60, rate=1e-2, reporter=listening)
    assert any("collapsed" in text for text in listening.warned), listening.warned
