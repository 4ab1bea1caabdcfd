"""Checks of a model: shapes, a loss that stays finite, repeatable training, and the right sign."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from survembed import registry
from survembed.errors import SurvembedError
from survembed.heads.base import Head
from survembed.models.base import Loss, Model, parameter_groups
from survembed.survival.batch import Batch
from survembed.survival.concordance import harrell_c
from survembed.testing.case import Check, ComponentUnderTest, Skipped, no_trace, require
from survembed.testing.planted import CHANNELS, SHAPES, batch_of, planted_images
from survembed.testing.weights import reloaded, same_weights

EXTREME = 100.0
"""Latents up to this size must decode and have a hazard; those of a trained model stay below 10."""


def built(case: ComponentUnderTest, sort: str, seed: int = 0) -> Model:
    """The model for a sort of images, its weights drawn from `seed`; it has been told of a training part."""
    model, part = untrained(case, sort, seed), batch_of(sort, 32)
    model.fit_input(part.image.mean(0), part.image.std(0))
    model.fit_outcome(part.duration, part.event)
    return model


def untrained(case: ComponentUnderTest, sort: str, seed: int = 0) -> Model:
    """The model as `build` gives it, with the head that its option `head` names, where it has one."""
    component = case.make()
    name = getattr(component, "head", None)
    head = registry.load("heads", name)() if isinstance(name, str) and name else None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model: Model = component.build(CHANNELS[sort], SHAPES[sort], head)
    require(isinstance(model, Model), f"build() gives {type(model).__name__}, not a survembed.models.base.Model")
    return model


def models(case: ComponentUnderTest, seed: int = 0) -> Iterator[tuple[str, Model]]:
    """The model for each sort of images that it takes; one that `build` refuses with a `SurvembedError` is no fault."""
    refusals = []
    for sort in SHAPES:
        try:
            model = built(case, sort, seed)
        except SurvembedError as error:
            refusals.append(f"{sort}: {error.message}")
            continue
        yield sort, model
    require(len(refusals) < len(SHAPES), f"it takes no sort of images; {'; '.join(refusals)}")


def first_model(case: ComponentUnderTest, seed: int = 0) -> tuple[str, Model]:
    """The first of `models`."""
    return next(models(case, seed))


def finite_loss(model: Model, batch: Batch, what: str) -> Loss:
    """The loss of a batch, found to be finite in every term, with finite gradients."""
    loss = model.loss(batch)
    require(isinstance(loss, Loss), f"loss() gives {type(loss).__name__}, not a survembed.models.base.Loss")
    for name, term in {**loss.terms, **loss.record}.items():
        require(term.shape == (), f"'{name}' of the loss has shape {tuple(term.shape)} {what}, not ()")
        require(term.isfinite(), f"'{name}' of the loss is {float(term.detach())} {what}")
    model.zero_grad(set_to_none=True)
    loss.total.backward()
    bad = [name for name, each in model.named_parameters() if each.grad is not None and not each.grad.isfinite().all()]
    require(not bad, f"the gradient of {', '.join(bad[:3])} is not finite {what}")
    return loss


def shapes(case: ComponentUnderTest) -> None:
    """Odd edges and odd batches: μ and log σ² (n, L) float32, images back in their shape, log-hazards (n,)."""
    for sort, model in models(case):
        model.eval()
        require(isinstance(model.latent_dim, int) and model.latent_dim > 0, "latent_dim is no count")
        require(isinstance(model.decodes, bool), "decodes is neither True nor False")
        require(model.head is None or isinstance(model.head, Head), "head is neither None nor a Head")
        for n in (1, 7):
            image = batch_of(sort, n).image
            size = (n, model.latent_dim)
            with torch.no_grad():
                mu, logvar = model.posterior(image)
                _same_shape(mu, size, f"μ of a {sort}, n = {n},")
                if logvar is not None:
                    _same_shape(logvar, size, f"log σ² of a {sort}, n = {n},")
                if model.decodes:
                    _same_shape(model.decode(mu), tuple(image.shape), f"a decoded {sort}, n = {n},")
                if model.head is not None:
                    hazard = model.log_hazard(mu)
                    require(hazard.shape == (n,), f"log_hazard gives {tuple(hazard.shape)} for n = {n}, not ({n},)")


def _same_shape(found: Tensor, shape: tuple[int, ...], what: str) -> None:
    require(tuple(found.shape) == shape, f"{what} has shape {tuple(found.shape)}, not {shape}")
    require(found.dtype == torch.float32, f"{what} is {found.dtype}, not float32")


def one_subject_alone(case: ComponentUnderTest) -> None:
    """In evaluation mode a subject's latents do not depend on who else is in the batch."""
    for sort, model in models(case):
        model.train()
        with torch.no_grad():
            model.loss(batch_of(sort, 16))  # so that running means, where there are any, are not those of the start
            model.eval()
            image = batch_of(sort, 7).image
            together, alone = model.posterior(image)[0][:1], model.posterior(image[:1])[0]
        require(
            torch.allclose(together, alone, rtol=1e-3, atol=1e-4), f"a {sort} alone has other latents than in a batch"
        )


def loss_is_finite(case: ComponentUnderTest) -> None:
    """Every term is a finite scalar, and every trained parameter has a part in it."""
    for sort, model in models(case):
        for n in (2, 7):
            loss = finite_loss(model.train(), batch_of(sort, n), f"for {n} subjects ({sort})")
        require(loss.terms, "the loss has no terms")
        unused = [
            n for n, each in model.named_parameters() if each.requires_grad and each.numel() and each.grad is None
        ]
        require(not unused, f"parameters without a part in the loss: {', '.join(unused[:3])}")
        finite_loss(model.eval(), batch_of(sort, 1), f"for one subject in evaluation mode ({sort})")


def no_event(case: ComponentUnderTest) -> None:
    """A batch in which nobody dies gives a finite loss and finite gradients."""
    for sort, model in models(case):
        batch = batch_of(sort, 7)
        finite_loss(model.train(), replace(batch, event=torch.zeros_like(batch.event)), f"without an event ({sort})")


def extremes(case: ComponentUnderTest) -> None:
    """Empty, full and constant images, far latents, and durations of 0 and of ages stay finite."""
    for sort, model in models(case):
        batch = batch_of(sort, 7)
        full = 1e4 if sort == "table" else 1.0
        for value in (0.0, full):
            flat = replace(batch, image=torch.full_like(batch.image, value))
            finite_loss(model.train(), flat, f"for images that are {value:g} throughout ({sort})")
        for days in (0.0, 1e6):
            late = replace(batch, duration=torch.full_like(batch.duration, days))
            finite_loss(model, late, f"for durations of {days:g} ({sort})")
        model.eval()
        z = torch.linspace(-EXTREME, EXTREME, 7)[:, None].repeat(1, model.latent_dim)
        with torch.no_grad():
            if model.decodes:
                require(model.decode(z).isfinite().all(), f"latents up to {EXTREME:g} decode to numbers not finite")
            if model.head is not None:
                require(model.log_hazard(z).isfinite().all(), f"latents up to {EXTREME:g} have no finite log-hazard")
            constant = torch.full_like(batch.image[0], 0.5)
            model.fit_input(constant, torch.zeros_like(constant))
            require(
                model.posterior(batch.image)[0].isfinite().all(), "a constant training part gives latents not finite"
            )


def same_seed_same_result(case: ComponentUnderTest) -> None:
    """The same seed gives the same weights after some updates, bit by bit; evaluation mode has no chance in it."""
    sort, _ = first_model(case)
    one, again, other = trained(case, sort, 1, 3), trained(case, sort, 1, 3), trained(case, sort, 2, 3)
    require(same_weights(one, again), "the same seed gives other weights after three updates")
    require(not same_weights(one, other), "another seed gives the same weights: is torch seeded inside?")
    batch = batch_of(sort, 7)
    with torch.no_grad():
        require(
            torch.equal(one.posterior(batch.image)[0], one.posterior(batch.image)[0]), "μ differs from call to call"
        )
        require(
            torch.equal(one.loss(batch).total, one.loss(batch).total), "the loss in evaluation mode differs by call"
        )


def leaves_no_trace(case: ComponentUnderTest) -> None:
    """Global random states and the arrays given to it stay as they were.

    Only weights in `build` and samples in training may draw from torch's generator, which callers seed and restore.
    """
    with no_trace("building", torch_draws=True):
        sort, model = first_model(case)
    batch = batch_of(sort, 7)
    z = torch.zeros(7, model.latent_dim)
    given = [batch.image, batch.duration, batch.event, z]
    before = [each.clone() for each in given]
    with no_trace("the loss in training", torch_draws=True):
        model.train().loss(batch).total.backward()
    with no_trace("evaluation"), torch.no_grad():
        model.eval().posterior(batch.image)
        model.loss(batch)
        if model.decodes:
            model.decode(z)
        if model.head is not None:
            model.log_hazard(z)
    require(all(map(torch.equal, before, given)), "the model changes the arrays given to it")


def weights_in_safetensors(case: ComponentUnderTest) -> None:
    """Everything learnt, and told of the training part, is in `state_dict` and comes back from a file."""
    for sort, _ in models(case):
        model, image = trained(case, sort, 0, 3), batch_of(sort, 7).image
        fresh = reloaded(model, untrained(case, sort, seed=1)).eval()
        with torch.no_grad():
            for what, outcome in _outcomes(model, image).items():
                require(torch.equal(outcome(model), outcome(fresh)), f"{what} differs after the weights were loaded")


def _outcomes(model: Model, image: Tensor) -> dict[str, Callable[[Model], Any]]:
    found: dict[str, Callable[[Model], Any]] = {"μ": lambda each: each.posterior(image)[0]}
    if model.decodes:
        found["the decoded image"] = lambda each: each.decode(each.posterior(image)[0])
    if model.head is not None:
        found["the log-hazard"] = lambda each: each.log_hazard(each.posterior(image)[0])
    return found


def sign_of_the_hazard(case: ComponentUnderTest) -> None:
    """After a short training, who has the higher log-hazard dies sooner."""
    sort, model = first_model(case)
    if model.head is None:
        raise Skipped("the model has no head")
    model = trained(case, sort, 0, 150)
    images, outcome = planted_images(sort, 200, seed=1)
    with torch.no_grad():
        hazard = model.log_hazard(model.posterior(torch.from_numpy(images))[0])
    c = harrell_c(outcome, hazard.double().numpy(), n_resamples=0).value
    require(c > 0.6, f"C is {c:.2f} on planted data where 0.85 can be had" + (": the sign is wrong" if c < 0.4 else ""))


def trained(case: ComponentUnderTest, sort: str, seed: int, updates: int) -> Model:
    """The model after some updates on planted images, the usual batches of 32 and Adam, in evaluation mode."""
    model, study = built(case, sort, seed).train(), batch_of(sort, 160)
    body, head = parameter_groups(model)
    groups = [{"params": body, "lr": 2e-3}, {"params": head, "lr": 2e-2}]
    optimizer = torch.optim.Adam([group for group in groups if group["params"]])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for _ in range(updates):
            index = torch.randperm(len(study.image))[:32]
            loss = model.loss(Batch(study.image[index], study.duration[index], study.event[index])).total
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    require(loss.isfinite(), f"the loss is {float(loss.detach())} after {updates} updates")
    return model.eval()


CHECKS: tuple[Check, ...] = (
    shapes,
    one_subject_alone,
    loss_is_finite,
    no_event,
    extremes,
    same_seed_same_result,
    leaves_no_trace,
    weights_in_safetensors,
    sign_of_the_hazard,
)
