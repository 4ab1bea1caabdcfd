"""The loop: a function of its seed, which keeps what is best and ends properly however it ends."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

from survembed.errors import RunError
from survembed.models.base import Loss, Model
from survembed.progress import Reporter, Task
from survembed.survival.batch import Batch
from survembed.training import loop
from survembed.training import validation as validation_module
from survembed.training.optimizers import WARM_UP, Optimizers, rate_share
from survembed.training.options import PRESETS, TrainOptions
from survembed.training.training_data import TrainingData
from survembed.training.validation import Validation, validation
from tests.small import Kept, batch, network, study, trained


def weights(model: Model) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def judged(objective: float, data: TrainingData) -> Validation:
    """Results of a model without a head."""
    return Validation(objective, objective, {}, torch.zeros(len(data.validation)), None, None)


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("kind", ["table", "image"])
def test_seed_decides_every_bit(kind: str) -> None:
    results = []
    for seed in (0, 0, 1):
        model = network("coxvae", kind)
        torch.rand(3)  # whatever the caller does between
        trained(model, study(kind), seed=seed, shift=0.2)
        results.append(weights(model))
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


def test_the_callers_chance_is_left_alone() -> None:
    model, data = network("coxvae"), study()
    state = torch.get_rng_state()
    trained(model, data)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("updates", [*range(1, 7), 10])
def test_as_few_updates_as_one(updates: int) -> None:
    outcome, rows = trained(network("coxvae"), study(), updates=updates, validate_every=4)
    assert (outcome.end, outcome.updates) == ("completed", updates)
    assert rows[-1]["update"] == updates


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_the_weights_kept_are_those_with_the_lowest_objective(average: float) -> None:
    model, data = network("deepsurv"), study(n=40, validation=20)
    # Who died late is said to have died early, on validation alone: what is learnt makes that part worse.
    duration = torch.where(torch.isin(torch.arange(40), data.validation), 1e5 / (data.duration + 1), data.duration)
    data = replace(data, duration=duration)
    outcome, rows = trained(model, data, updates=60, rate=3e-2, schedule="constant", average=average, patience=0)
    objectives = {row["update"]: row["validation"]["objective"] for row in rows}
    assert list(objectives) == list(range(5, 61, 5))
    assert outcome.best_objective == min(objectives.values()) == objectives[outcome.best_update]
    assert outcome.best_update < 60, "validation never got worse: the test shows nothing"
    assert not model.training
    assert validation(model, data).objective == outcome.best_objective


def test_each_best_is_handed_out_when_it_is_found() -> None:
    model, data = network("coxvae"), study()
    recorder = Kept()
    trained(model, data, recorder=recorder, updates=40, patience=0)
    objectives = [row["validation"]["objective"] for row in recorder.rows]
    records = sum(value < min([math.inf, *objectives[:i]]) for i, value in enumerate(objectives))
    assert len(recorder.best) == records > 1
    assert same(recorder.best[-1], weights(model))


def test_early_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    objectives = iter([3.0, 2.0, 2.5, 1.0, 1.5, 1.0, 1.2, 0.1, 0.1])
    monkeypatch.setattr(loop, "validation", lambda model, data: judged(next(objectives), data))
    outcome, rows = trained(network("coxvae"), study(), updates=45, patience=3)
    assert (outcome.end, outcome.updates, outcome.best_update, outcome.best_objective) == ("stopped early", 35, 20, 1.0)
    assert len(rows) == 7


def test_no_validation_part_keeps_the_last_weights() -> None:
    model, data = network("coxvae"), study(validation=0)
    recorder = Kept()
    outcome, _ = trained(model, data, recorder=recorder, updates=12, patience=1, average=0.0)
    assert (outcome.end, outcome.updates, outcome.best_update, outcome.best_objective) == ("completed", 12, 12, None)
    assert len(recorder.best) == 1


class Interrupting(Reporter):
    """Ctrl-C at the nth update."""

    def __init__(self, at: int) -> None:
        self.at = at

    @contextmanager
    def task(self, description: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        outer = self

        class Bar(Task):
            done = 0

            def advance(self, steps: int = 1, **fields: str) -> None:
                self.done += steps
                if self.done == outer.at:
                    raise KeyboardInterrupt

        yield Bar()


def test_interrupted_it_keeps_the_best_so_far() -> None:
    model, data = network("coxvae"), study()
    outcome, rows = trained(model, data, reporter=Interrupting(13), updates=40)
    assert (outcome.end, outcome.updates) == ("interrupted", 13)
    assert outcome.best_objective == min(row["validation"]["objective"] for row in rows)
    assert validation(model, data).objective == outcome.best_objective


def test_interrupted_before_the_first_validation_it_keeps_what_there_is() -> None:
    model = network("coxvae")
    before = weights(model)
    outcome, rows = trained(model, study(), reporter=Interrupting(2))
    assert (outcome.end, outcome.updates, outcome.best_update, outcome.best_objective) == ("interrupted", 2, 2, None)
    assert rows == []
    assert not same(weights(model), before)


def test_interrupted_while_the_best_is_written_it_keeps_what_is_on_the_disk() -> None:
    model, data = network("coxvae"), study()

    class Disk(Kept):
        def save_weights(self, model: Model) -> None:
            if len(self.best) == 1:
                raise KeyboardInterrupt
            super().save_weights(model)

    disk = Disk()
    outcome, _ = trained(model, data, recorder=disk, updates=40, patience=0)
    assert outcome.end == "interrupted"
    assert outcome.best_update == 5
    assert same(weights(model), disk.best[0])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite(bad: float, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network("coxvae")
    finite = model.loss

    def loss(data: Batch) -> Loss:
        found = finite(data)
        return replace(found, terms={**found.terms, "cox": found.terms["cox"] + bad})

    monkeypatch.setattr(model, "loss", loss)
    with pytest.raises(RunError, match="training diverged: the loss at update 5") as caught:
        trained(model, study(), rate=0.04)
    assert "0.01" in (caught.value.try_ or "")


def test_a_validation_objective_that_is_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "validation", lambda model, data: judged(math.nan, data))
    with pytest.raises(RunError, match="training diverged: the validation objective"):
        trained(network("coxvae"), study())


def test_the_papers_optimisers() -> None:
    model = network("coxvae")
    recipe = TrainOptions(**PRESETS["paper"]).resolved(3, 492)
    made = Optimizers(model, recipe).each
    assert {rate_share(recipe.schedule, update, 16_000) for update in (0, 1, 9_000, 15_999)} == {1.0}
    assert [type(optimizer) for optimizer in made] == [torch.optim.Adam, torch.optim.Adam]
    assert [optimizer.param_groups[0]["lr"] for optimizer in made] == [1e-4, 1e-5]
    assert [optimizer.param_groups[0]["weight_decay"] for optimizer in made] == [0, 0]
    assert model.head is not None
    assert [id(p) for p in made[1].param_groups[0]["params"]] == [id(p) for p in model.head.parameters()]
    everyone = {id(p) for optimizer in made for p in optimizer.param_groups[0]["params"]}
    assert everyone == {id(p) for p in model.parameters() if p.requires_grad}


def test_one_cycle_rises_and_falls_for_both() -> None:
    made = Optimizers(network("coxvae"), TrainOptions(updates=50, rate=1e-3, head_rate=1e-4).resolved(2, 9))
    weight = torch.nn.Parameter(torch.zeros(1))
    theirs = torch.optim.AdamW([weight], 1e-3)
    schedule = OneCycleLR(theirs, 1e-3, total_steps=50, pct_start=WARM_UP, cycle_momentum=False)
    for update in range(50):
        made.set_rates(update)
        body, head = (optimizer.param_groups[0]["lr"] for optimizer in made.each)
        assert body == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-9)
        assert head == pytest.approx(body / 10)
        theirs.step()
        schedule.step()


def test_headless_models_have_one_optimiser() -> None:
    assert len(Optimizers(network("vae"), TrainOptions().resolved(2, 9)).each) == 1


def test_batches_without_event_are_counted() -> None:
    data = study(n=64, validation=0)
    event = torch.zeros(64, dtype=torch.bool)
    event[0] = True
    rare = replace(data, event=event)
    assert trained(network("coxvae"), rare, updates=8, batch_size=16)[0].empty_batches == 6  # two passes
    assert trained(network("coxvae"), rare, updates=8, batch_size=16, sampler="events")[0].empty_batches == 0


def test_clip_bounds_the_first_step() -> None:
    """With plain Adam the step does not depend on the size of the gradient; so look at the gradient itself."""
    model = network("coxvae", reduction="sum")
    data = study()
    seen: list[float] = []
    original = torch.nn.utils.clip_grad_norm_
    for clip in (0.5, 0.0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                torch.nn.utils, "clip_grad_norm_", lambda p, size, **_: seen.append(float(original(p, size))) or size
            )
            trained(model, data, updates=1, clip=clip)
    assert len(seen) == 1
    assert seen[0] > 0.5


def test_validation_is_the_mean_over_subjects(monkeypatch: pytest.MonkeyPatch) -> None:
    model, data = network("vae").eval(), study()
    whole = model.loss(data.batch(data.validation))
    monkeypatch.setattr(validation_module, "batch_size_without_gradient", lambda _: 7)
    found = validation(model.train(), data)
    assert model.training
    assert found.objective == pytest.approx(float(whole.total.detach()), rel=1e-5)
    assert found.kl_of_dimensions is not None
    assert sum(found.kl_of_dimensions) == pytest.approx(float(whole.record["kl_nats"].detach()), rel=1e-4)
    assert found.numbers["kl_nats"] == pytest.approx(float(whole.record["kl_nats"].detach()), rel=1e-5)


def test_rows_hold_each_term_and_its_share() -> None:
    _, rows = trained(network("coxvae"), study())
    for part in ("train", "validation"):
        row = rows[-1][part]
        assert {"reconstruction", "kl_nats", "cox", "share_reconstruction", "share_kl", "share_cox"} <= set(row)
        assert row["share_reconstruction"] + row["share_kl"] + row["share_cox"] == pytest.approx(1)
        assert all(math.isfinite(value) for value in row.values())


def test_a_batch_that_no_one_can_tell_apart_is_survived() -> None:
    """All durations equal, all images equal: zero Cox gradient at most, never NaN."""
    data = study(n=30, validation=10)
    flat = replace(data, duration=torch.ones(30, dtype=torch.float64), event=torch.ones(30, dtype=torch.bool))
    assert trained(network("coxvae"), flat)[0].end == "completed"
    model = network("coxvae", "table")
    row = batch("table", 1).image
    model.train()
    repeated = Batch(row.expand(8, -1, -1), torch.ones(8).double(), torch.ones(8, dtype=torch.bool))
    assert torch.isfinite(model.loss(repeated).total)
