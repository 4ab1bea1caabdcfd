"""The weights kept: those of the lowest objective, unless only noise of the Cox term speaks against later ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from survembed.survival.cox_loss import cox_loss
from survembed.training.selection import LAST, LOWEST, WITHIN_NOISE, Selection, rule, significantly_higher
from survembed.training.training_data import TrainingData
from survembed.training.validation import Validation
from tests.small import network, study, trained


def judged(n: int, seed: int = 0) -> tuple[TrainingData, Tensor]:
    """A study whose n validation subjects have the hazard exp(r), and r (n,)."""
    data = study(n=2 * n, validation=n)
    generator = torch.Generator().manual_seed(seed)
    r = torch.randn(2 * n, generator=generator, dtype=torch.float64)
    duration = -torch.rand(2 * n, generator=generator, dtype=torch.float64).log() / r.exp()
    return replace(data, duration=duration, event=torch.ones(2 * n, dtype=torch.bool)), r[n:]


def result(data: TrainingData, rest: float, log_hazard: Tensor) -> Validation:
    part = data.validation
    cox = float(cox_loss(log_hazard, data.duration[part], data.event[part]))
    return Validation(rest + cox, rest, {}, log_hazard, None, None)


def test_a_lower_objective_is_kept() -> None:
    data, r = judged(200)
    selection = Selection(data)
    assert selection.keeps(result(data, 1.0, 0 * r))
    assert selection.keeps(result(data, 1.1, r))  # the Cox term gains more than the others lose


def test_a_cox_term_that_is_significantly_worse_is_not_kept() -> None:
    data, r = judged(400)
    selection = Selection(data)
    assert selection.keeps(result(data, 1.0, r))
    assert not selection.keeps(result(data, 0.9, 3 * r))  # overfitted: right order, too sure
    assert not selection.keeps(result(data, 0.9, 0 * r))
    assert selection.keeps(result(data, 0.5, 0.9 * r))


def test_few_events_do_not_end_what_the_other_terms_still_gain() -> None:
    data, r = judged(8)
    selection = Selection(data)
    best, later = result(data, 1.0, r), result(data, 0.9, r + r.roll(1))
    assert later.objective > best.objective
    assert selection.keeps(best)
    assert selection.keeps(later)
    assert not selection.keeps(result(data, 0.95, r + r.roll(1)))  # neither the objective nor the rest improves


def test_without_an_event_the_other_terms_decide() -> None:
    data, r = judged(8)
    data = replace(data, event=torch.zeros_like(data.event))
    selection = Selection(data)
    assert [selection.keeps(result(data, rest, factor * r)) for rest, factor in ((1, 1), (0.9, 5), (0.95, 1))] == [
        True,
        True,
        False,
    ]


def test_many_small_steps_within_noise_do_not_add_up() -> None:
    """Each is compared with the best Cox term, not with the one before."""
    data, r = judged(400)
    selection = Selection(data)
    kept = [selection.keeps(result(data, 1 - step / 100, (1 + step / 10) * r)) for step in range(30)]
    assert kept[0]
    assert kept[1]
    assert not any(kept[15:])


def test_a_headless_model_is_judged_by_its_objective() -> None:
    data, r = judged(20)
    selection = Selection(data)
    nothing = torch.zeros_like(r)
    found = [Validation(value, value, {}, nothing, None, None) for value in (3.0, 2.0, 2.5, 1.0)]
    assert [selection.keeps(one) for one in found] == [True, True, False, True]


def test_significance() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(100, generator=generator)
    noise = (noise - noise.mean()) / noise.std(correction=0)  # the standard error of the mean is 0.1
    assert significantly_higher(noise + 0.21, torch.zeros(100))
    assert not significantly_higher(noise + 0.19, torch.zeros(100))
    assert not significantly_higher(noise, noise)


@pytest.mark.parametrize(
    ("model", "validation", "expected"),
    [("coxvae", 20, WITHIN_NOISE), ("vae", 20, LOWEST), ("deepsurv", 20, LOWEST), ("coxvae", 0, LAST)],
)
def test_a_training_says_which_rule_chose(model: str, validation: int, expected: str) -> None:
    outcome, _ = trained(network(model), study(validation=validation), updates=5)
    assert outcome.rule == expected == rule(network(model), outcome.best_objective)
