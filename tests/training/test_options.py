"""Options of training: what 0 means, and what presets say."""

from __future__ import annotations

import pytest

from survembed.errors import UsageError
from survembed.training.options import PRESETS, PRESETS_ELSEWHERE, SplitOptions, TrainOptions


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_no_zero_is_left(dimensions: int) -> None:
    options = TrainOptions().resolved(dimensions, 10_000)
    assert options.updates == (400 if dimensions == 3 else 1500)
    assert options.batch_size == (16 if dimensions == 3 else 128)
    assert options.head_rate == 10 * options.rate
    assert options.shift == (1 / 16 if dimensions == 3 else 0)
    assert 10 <= options.validate_every <= options.updates
    assert options.resolved(dimensions, 10_000) == options


def test_what_is_set_stays_and_no_batch_exceeds_the_cohort() -> None:
    asked = TrainOptions(updates=7, batch_size=32, head_rate=1e-5, validate_every=3, shift=0.1)
    assert asked.resolved(2, 100) == asked
    assert asked.resolved(2, 20).batch_size == 20


def test_presets_are_options() -> None:
    for values in PRESETS.values():
        assert set(values) <= set(TrainOptions.model_fields)
        TrainOptions(**values)
    assert set(PRESETS_ELSEWHERE) <= set(PRESETS)
    paper = TrainOptions(**PRESETS["paper"]).resolved(3, 492)
    assert (paper.updates, paper.batch_size, paper.optimizer) == (16_000, 16, "adam")
    assert (paper.rate, paper.head_rate, paper.schedule, paper.patience) == (1e-4, 1e-5, "constant", 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch_size", 1), ("rate", 0.0), ("shift", 0.3), ("average", 1.0), ("updates", -1), ("optimizer", "sgd")],
)
def test_out_of_range(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=name):
        TrainOptions.configure("training", {name: value})


@pytest.mark.parametrize(("name", "value"), [("test", 1.0), ("validation", -0.1), ("validation", 1.0)])
def test_shares_out_of_range(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=name):
        SplitOptions.configure("split", {name: value})
