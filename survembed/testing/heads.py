"""Checks of a head: log-hazards, loss, survival functions, and the right sign."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from survembed.heads.base import Head
from survembed.survival.batch import Batch
from survembed.survival.concordance import harrell_c
from survembed.testing.case import Check, ComponentUnderTest, no_trace, require
from survembed.testing.planted import planted_latents
from survembed.testing.weights import reloaded, same_weights

EXTREME = 100.0
"""Latents up to this size must give finite log-hazards and losses; those of a trained model stay below 10."""


def built(case: ComponentUnderTest, latent_dim: int = 3, seed: int = 0) -> Head:
    """The head, its weights drawn from `seed`; it has been told of a training part."""
    head, part = untrained(case, latent_dim, seed), planted(100)
    head.fit_outcome(part.duration, part.event)
    return head


def untrained(case: ComponentUnderTest, latent_dim: int = 3, seed: int = 0) -> Head:
    """The head as `build` gives it."""
    component = case.make()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        head: Head = component.build(latent_dim)
    require(isinstance(head, Head), f"build() gives {type(head).__name__}, not a survembed.heads.base.Head")
    return head


def planted(n: int, latent_dim: int = 3) -> Batch:
    """Planted latents, as a batch whose images they are."""
    z, outcome = planted_latents(n, latent_dim=latent_dim)
    return Batch(torch.from_numpy(z), torch.from_numpy(outcome.duration), torch.from_numpy(outcome.event))


def loss_of(head: Head, batch: Batch, what: str) -> Tensor:
    """The head's loss, found to be a finite scalar with finite gradients."""
    z = batch.image.clone().requires_grad_()
    loss = head.loss(z, batch)
    require(loss.shape == (), f"loss() gives shape {tuple(loss.shape)} {what}, not a scalar")
    require(loss.requires_grad, f"the loss has no graph {what}: backward() would fail")
    require(loss.isfinite(), f"the loss is {float(loss.detach())} {what}")
    loss.backward()
    gradients = [z.grad, *(parameter.grad for parameter in head.parameters())]
    require(all(each is None or each.isfinite().all() for each in gradients), f"a gradient is not finite {what}")
    return loss.detach()


def shapes(case: ComponentUnderTest) -> None:
    """Latents (n, L) float32 give log-hazards (n,), for any n and L, one subject alone among them."""
    for latent_dim in (1, 3, 8):
        head = built(case, latent_dim).eval()
        z = planted(7, latent_dim).image
        hazard = head(z)
        require(hazard.shape == (7,), f"latents (7, {latent_dim}) give {tuple(hazard.shape)}, not (7,)")
        require(hazard.is_floating_point(), f"log-hazards are {hazard.dtype}")
        require(head(z[:1]).shape == (1,), f"one subject alone gives {tuple(head(z[:1]).shape)}, not (1,)")
        require(torch.allclose(head(z[:1]), hazard[:1], atol=1e-5), "a subject's log-hazard depends on the others")


def loss_is_a_scalar(case: ComponentUnderTest) -> None:
    """The loss is a finite scalar with gradients, for odd batches and one subject alone."""
    for n in (1, 2, 7):
        loss_of(built(case).train(), planted(n), f"for {n} subject(s)")


def no_event(case: ComponentUnderTest) -> None:
    """A batch in which nobody dies gives a finite loss and finite gradients."""
    batch = planted(7)
    head, nobody = built(case), replace(batch, event=torch.zeros_like(batch.event))
    loss_of(head, nobody, "without an event")
    head.fit_outcome(nobody.duration, nobody.event)
    loss_of(head, nobody, "without an event in the training part")


def extremes(case: ComponentUnderTest) -> None:
    """Far latents, ties, and durations of 0, of a moment and of ages stay finite."""
    head, batch = built(case), planted(7)
    far = replace(batch, image=torch.linspace(-EXTREME, EXTREME, 21).reshape(7, 3))
    require(head.eval()(far.image).isfinite().all(), f"log-hazards of latents up to {EXTREME:g} are not finite")
    head.train()
    loss_of(head, far, f"for latents up to {EXTREME:g}")
    for days in (0.0, 1e-6, 1.0, 1e6):
        tied = replace(batch, duration=torch.full_like(batch.duration, days))
        loss_of(head, tied, f"for durations of {days:g}")
    wide = torch.tensor([0.0, 1e-6, 1e-3, 1.0, 1e2, 1e4, 1e6], dtype=torch.float64)
    loss_of(head, replace(batch, duration=wide), "for durations from 0 to 1e6")


def gradient(case: ComponentUnderTest) -> None:
    """The log-hazard can be differentiated by the latents: traversals go along its gradient."""
    head = built(case).eval()
    z = planted(7).image.requires_grad_()
    (slope,) = torch.autograd.grad(head(z).sum(), z)
    require(slope.isfinite().all(), "the gradient of the log-hazard is not finite")


def same_seed_same_result(case: ComponentUnderTest) -> None:
    """Weights are a function of torch's seed, and evaluation mode has no chance in it."""
    one, again, other = built(case, seed=1), built(case, seed=1), built(case, seed=2)
    require(same_weights(one, again), "the same seed gives other weights")
    random = [name for name, parameter in one.named_parameters() if parameter.detach().std(correction=0) > 0]
    require(not random or not same_weights(one, other), "another seed gives the same weights: build() seeds torch")
    one.eval()
    batch = planted(7)
    require(torch.equal(one(batch.image), one(batch.image)), "log-hazards differ from call to call in evaluation mode")
    losses = [one.loss(batch.image, batch) for _ in range(2)]
    require(torch.equal(*losses), "the loss differs from call to call in evaluation mode")


def leaves_no_trace(case: ComponentUnderTest) -> None:
    """Global random states and the arrays given to it stay as they were; only weights and dropout draw from torch."""
    with no_trace("building", torch_draws=True):
        head = built(case)
    batch = planted(7)
    before = [batch.image.clone(), batch.duration.clone(), batch.event.clone()]
    with no_trace("the loss in training", torch_draws=True):
        head.train().loss(batch.image, batch).backward()
    with no_trace("evaluation"), torch.no_grad():
        head.eval()(batch.image)
        head.loss(batch.image, batch)
    after = [batch.image, batch.duration, batch.event]
    require(all(map(torch.equal, before, after)), "the head changes the arrays given to it")


def weights_in_safetensors(case: ComponentUnderTest) -> None:
    """Everything learnt is in `state_dict`, and comes back from a safetensors file."""
    head = trained(case)
    fresh = reloaded(head, untrained(case, seed=1))
    z = planted(7).image
    require(torch.equal(head(z), fresh.eval()(z)), "log-hazards differ after the weights were saved and loaded")


def sign_of_the_hazard(case: ComponentUnderTest) -> None:
    """After a short training, who has the higher log-hazard dies sooner."""
    head = trained(case)
    z, outcome = planted_latents(200, seed=1)
    with torch.no_grad():
        c = harrell_c(outcome, head(torch.from_numpy(z)).double().numpy(), n_resamples=0).value
    require(c > 0.6, f"C is {c:.2f} on planted data where 0.85 can be had" + (": the sign is wrong" if c < 0.4 else ""))


def survival_functions(case: ComponentUnderTest) -> None:
    """S(t) starts at 1, never increases, is lower for a higher hazard, and leaves the weights alone."""
    head, batch = trained(case), planted(300)
    before = {name: value.clone() for name, value in head.state_dict().items()}
    head.fit_baseline(batch.image, batch.duration, batch.event)
    after = head.state_dict()
    arrays, curves = head.baseline_arrays(), head.survival(batch.image[:5], batch.duration[:5].sort().values)
    if type(head).baseline_arrays is not Head.baseline_arrays:
        other = reloaded(head, untrained(case, seed=1)).eval()
        other.take_baseline(arrays, head.last_time)
        again = other.survival(batch.image[:5], batch.duration[:5].sort().values)
        require(torch.equal(again.nan_to_num(), curves.nan_to_num()), "take_baseline gives another S(t)")
    unchanged = after.keys() == before.keys() and all(torch.equal(after[name], before[name]) for name in before)
    require(unchanged, "fit_baseline changes state_dict: weights would depend on it")
    times = torch.cat([torch.zeros(1), torch.linspace(0, float(batch.duration.max()), 50)[1:]]).double()
    z = planted(40).image
    with torch.no_grad():
        hazard, survival, median = head(z), head.survival(z, times), head.median_survival(z)
    require(survival.shape == (40, 50), f"survival gives {tuple(survival.shape)} for 40 latents, 50 times")
    require(survival.dtype == torch.float64, f"survival is {survival.dtype}, not float64")
    require(survival.isfinite().all(), "S(t) is not finite within the follow-up")
    require((survival[:, 0] == 1).all(), "S(0) is not 1")
    require((survival.diff(dim=1) <= 1e-12).all(), "S(t) increases")
    order = hazard.argsort()
    means = survival[order].mean(1)
    require(means[:10].mean() > means[-10:].mean(), "a higher log-hazard does not lower S(t)")
    require(median.shape == (40,), f"median_survival gives {tuple(median.shape)}, not (40,)")
    known = median.isfinite()
    with torch.no_grad():
        at_median = head.survival(z[known], median[known]).diagonal()
    require((at_median <= 0.5 + 1e-9).all(), "S(t) at the median survival time is above 0.5")


def competing_causes(case: ComponentUnderTest) -> None:
    """Of a head for several causes: incidences start at 0, never decrease, and sum to 1 with S(t); one hazard each."""
    n_causes = built(case).n_causes
    if n_causes == 1:
        return
    batch = planted(300)
    batch = replace(batch, event=batch.event.long() * (1 + torch.arange(300) % n_causes))
    head = trained(case, batch)
    head.fit_baseline(batch.image, batch.duration, batch.event)
    times, z = torch.linspace(0, float(batch.duration.max()), 50).double(), planted(40).image
    with torch.no_grad():
        incidence, survival, hazards = head.incidence(z, times), head.survival(z, times), head.log_hazards(z)
    shape = (n_causes, 40, 50)
    require(incidence.shape == shape, f"incidence gives {tuple(incidence.shape)} for 40 latents, 50 times, not {shape}")
    require((incidence[:, :, 0] == 0).all(), "an incidence is not 0 at time 0")
    require((incidence.diff(dim=2) >= -1e-12).all(), "an incidence decreases")
    off = float((incidence.sum(0) + survival - 1).abs().max())
    require(off <= 1e-9, f"incidences and S(t) do not sum to 1: off by {off:.1e}")
    require(hazards.shape == (40, n_causes), f"log_hazards gives {tuple(hazards.shape)}, not (40, {n_causes})")
    for cause in range(1, n_causes + 1):
        head.cause = cause
        with torch.no_grad():
            own = head(z)
        require(torch.allclose(own, hazards[:, cause - 1]), f"with cause = {cause}, forward does not give its hazard")


def trained(case: ComponentUnderTest, batch: Batch | None = None) -> Head:
    """The head after 200 updates on planted latents, in evaluation mode."""
    head, batch = built(case).train(), batch or planted(300)
    optimizer = torch.optim.Adam(head.parameters(), 0.03)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(200):
            optimizer.zero_grad()
            head.loss(batch.image, batch).backward()
            optimizer.step()
    return head.eval()


CHECKS: tuple[Check, ...] = (
    shapes,
    loss_is_a_scalar,
    no_event,
    extremes,
    gradient,
    same_seed_same_result,
    leaves_no_trace,
    weights_in_safetensors,
    sign_of_the_hazard,
    survival_functions,
    competing_causes,
)
