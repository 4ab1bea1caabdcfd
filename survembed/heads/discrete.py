"""Discrete-time head: one logistic hazard for each interval of a grid, not proportional (Kvamme, Borgan 2021)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from survembed.errors import UsageError
from survembed.heads.base import Head, hazard_axes
from survembed.heads.mlp import perceptron
from survembed.survival.batch import Batch

_LINE = -15.0
"""Logit below which log(softplus) is the logit itself to float32."""
_DEVIATION = 0.1
"""Scale of what z does to one interval alone: a step of an optimiser moves it a tenth as far as what z does to all."""


class DiscreteHead(Head):
    """h_k(z) = sigmoid(φ_k(z)), the probability of an event in interval k for a subject alive at its start.

    φ_k(z) = a_k + r(z) + 0.1 d_k(z). Training starts at d = 0, where the odds of all intervals are proportional, and
    moves away from it as the data demand: K free functions of z overfit small cohorts (WHAS: IBS 0.111, not 0.103).

    S at the end of interval k is Π_{j≤k} (1 − h_j). Within an interval the density of events is constant, so S(t) is a
    straight line between the ends; after the last end, an event time, it is constant up to the end of the follow-up.
    Hazards need not be proportional.

    `forward` is the mean over the ends of log(−log S), the log cumulative hazard. With proportional hazards it is the
    log-hazard up to a constant; else it is an average over the whole grid. Its gradient is what commands show as ψ.

    Parameters
    ----------
    latent_dim
        L.
    intervals
        K, where there is no `grid`: the ends are quantiles of the event times of the training part.
    grid
        (K,) ends of the intervals, increasing, in the unit of the durations; the first interval starts at 0.
    hidden, dropout
        Hidden layers of φ; without any φ is linear in z.
    axes
        Number of latent dimensions, the first ones, that the hazards depend on; 0 for all.

    References
    ----------
    Kvamme, Borgan, Lifetime Data Analysis 27 (2021) 710: likelihood, and interpolation with constant density (CDI).
    """

    takes_entry = True

    ends: Tensor
    start: Tensor

    def __init__(
        self,
        latent_dim: int,
        intervals: int,
        grid: tuple[float, ...] = (),
        hidden: tuple[int, ...] = (),
        dropout: float = 0.0,
        axes: int = 0,
    ) -> None:
        super().__init__()
        self.axes, self.grid, self.n = hazard_axes(latent_dim, axes), grid, len(grid) or intervals
        self.layers = perceptron((self.axes, *hidden), self.n + 1, dropout)
        last = self.layers[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.normal_(last.weight[-1], std=0.1 / last.in_features**0.5)
        nn.init.zeros_(last.bias)
        ends = torch.tensor(grid or range(1, self.n + 1), dtype=torch.float64)
        self.register_buffer("ends", ends)  # inf where the event times have fewer distinct quantiles than K
        self.register_buffer("start", torch.zeros(self.n))

    def fit_outcome(self, duration: Tensor, event: Tensor) -> None:
        """Choose the grid, and begin where all subjects have the hazards of the training part.

        Raises
        ------
        UsageError
            When the given grid has an interval without a training event, or ends before the last one.
        """
        events = duration[event > 0].double()
        if self.grid:
            _check_grid(self.grid, events)
        else:
            self.ends.fill_(torch.inf)
            chosen = _quantiles(events if (events > 0).any() else duration.double(), self.n)
            self.ends[: len(chosen)] = chosen
        place, survived = self._intervals(duration, event)
        died = place.bincount(minlength=self.n + 1)[: self.n]
        # Half a subject is added to each, so that the logit is finite in an interval without one of them.
        self.start.copy_(((died + 0.5) / (survived.sum(0) + 0.5)).log())

    def forward(self, z: Tensor) -> Tensor:
        """Mean log cumulative hazard over the grid (n,) of latents (n, L), higher dies sooner."""
        logits = self.logits(z)
        log_hazard = torch.where(logits < _LINE, logits, softplus(logits.clamp(min=_LINE)).log())
        used = int(self.ends.isfinite().sum())
        return log_hazard[:, :used].logcumsumexp(1).mean(1)

    def logits(self, z: Tensor) -> Tensor:
        """φ (n, K) of latents (n, L)."""
        values = self.layers(z[:, : self.axes])
        logits: Tensor = self.start + values[:, -1:] + _DEVIATION * values[:, :-1]
        return logits

    def loss(self, z: Tensor, batch: Batch) -> Tensor:
        """Mean negative log-likelihood of the intervals survived, and of that of the event, at latents (n, L).

        A subject censored within an interval counts up to its start, as in pycox, and one that enters late from the
        first interval on that starts at or after its entry. An event after the last end, as in the validation part,
        counts as survival of all intervals.
        """
        logits = self.logits(z).double()
        place, survived = self._intervals(batch.duration, batch.event)
        died = (place[:, None] == torch.arange(self.n, device=z.device)).double()
        if batch.entry is not None:
            starts = torch.cat([self.ends.new_zeros(1), self.ends[:-1]])
            watched = (starts >= batch.entry[:, None]).double()
            survived, died = survived * watched, died * watched
        loss = (survived * softplus(logits) + died * softplus(-logits)).sum(1).mean()
        return loss.to(torch.promote_types(z.dtype, torch.float32))

    def survival(self, z: Tensor, times: Tensor) -> Tensor:
        """S(t | z) (n, T) float64 at `times` (T,); NaN beyond the follow-up of the development set."""
        ends = self.ends[self.ends.isfinite()]
        at_ends = (-softplus(self.logits(z).double()[:, : len(ends)]).cumsum(1)).exp()
        knots = torch.cat([ends.new_zeros(1), ends])
        values = torch.cat([at_ends.new_ones(len(z), 1), at_ends], dim=1)
        at = times.double().to(ends.device)
        right = torch.searchsorted(knots, at).clamp(1, len(ends))
        share = ((at - knots[right - 1]) / (knots[right] - knots[right - 1])).clamp(0, 1)
        survival = values[:, right - 1] * (1 - share) + values[:, right] * share
        return survival.masked_fill(at > max(self.last_time, float(ends[-1])), torch.nan)

    def _intervals(self, duration: Tensor, event: Tensor) -> tuple[Tensor, Tensor]:
        """Interval of the event (n,), K where there is none; and 1 for each interval (n, K) that is survived."""
        time, ends = duration.double(), self.ends.to(duration.device)
        place = torch.where(event > 0, torch.searchsorted(ends, time), self.n)
        place = torch.where(place < ends.isfinite().sum(), place, self.n)
        over = torch.where(place < self.n, place, torch.searchsorted(ends, time, right=True))
        return place, (torch.arange(self.n, device=duration.device) < over[:, None]).double()


def _quantiles(times: Tensor, n: int) -> Tensor:
    """At most n distinct `times`, increasing and above 0, which divide them into parts of about equal size."""
    later = times[times > 0].sort().values
    if not len(later):
        return torch.ones(1, dtype=torch.float64)
    places = (torch.arange(1, n + 1) * len(later) / n).ceil().long() - 1
    chosen: Tensor = later[places].unique()
    return chosen


def _check_grid(grid: tuple[float, ...], events: Tensor) -> None:
    place = torch.searchsorted(torch.tensor(grid, dtype=torch.float64), events.cpu())
    counts = place.bincount(minlength=len(grid) + 1)
    beyond, empty = int(counts[len(grid)]), (counts[: len(grid)] == 0).nonzero()[:, 0].tolist()
    if not beyond and not empty:
        return
    last = float(events.max()) if len(events) else grid[-1]
    kept = [end for number, end in enumerate(grid) if number not in empty]
    if beyond:
        message = f"head.grid ends at {grid[-1]:g}, before {beyond} training event(s)"
        kept = [*kept, last]
    else:
        first = empty[0]
        message = f"no training event between {grid[first - 1] if first else 0:g} and {grid[first]:g} of head.grid"
    raise UsageError(
        message,
        where="head option grid = " + ",".join(f"{end:g}" for end in grid),
        expected="a training event in each interval, and no training event after the last end",
        try_="--set head.grid=" + ",".join(f"{end:.12g}" for end in kept) if kept else "--set head.intervals=10",
    )
