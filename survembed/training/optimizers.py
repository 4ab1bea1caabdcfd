"""The two optimisers of the paper, their learning-rate schedules, and the moving average of the weights."""

from __future__ import annotations

import copy
from math import cos, pi
from typing import Any, Literal

import torch
from torch import Tensor, nn

from survembed.heads.covariates import CovariateHead
from survembed.models.base import Model, parameter_groups
from survembed.training.options import TrainOptions

WARM_UP = 0.2
"""Share of the updates in which a one-cycle rate rises; it falls along a cosine in the others."""

FIRST, LAST = 1 / 25, 1 / 250_000
"""A one-cycle rate begins and ends at these shares of its peak (Smith and Topin 2018; PyTorch's defaults)."""


def rate_share(schedule: Literal["one-cycle", "constant"], update: int, updates: int) -> float:
    """The rate of an update, counted from 0, as a share of the peak rate."""
    if schedule == "constant" or updates * WARM_UP <= 1:  # too few to rise and fall
        return 1.0
    peak = updates * WARM_UP - 1
    if update <= peak:
        return _cosine(FIRST, 1.0, update / peak)
    return _cosine(1.0, LAST, (update - peak) / (updates - 1 - peak))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + cos(pi * share))


class Optimizers:
    """One optimiser for encoder and decoder and one for the head, each with its own rate.

    Parameters
    ----------
    model
        Its parameters that are trained.
    options
        Rates, schedule, weight decay.
    """

    def __init__(self, model: Model, options: TrainOptions) -> None:
        self.options = options
        self.each: list[torch.optim.Optimizer] = []
        self.peaks: list[float] = []
        kind = torch.optim.AdamW if options.optimizer == "adamw" else torch.optim.Adam
        for parameters, rate in zip(parameter_groups(model), (options.rate, options.head_rate), strict=True):
            trained = [parameter for parameter in parameters if parameter.requires_grad]
            if trained:
                on_gpu = trained[0].is_cuda
                start: float | Tensor = torch.tensor(rate, device=trained[0].device) if on_gpu else rate
                decay = options.weight_decay
                groups = _groups(trained, model)
                self.each.append(kind(groups, start, weight_decay=decay, fused=True, capturable=on_gpu))
                self.peaks.append(rate)

    def set_rates(self, update: int) -> None:
        """Set the rates of an update, counted from 0."""
        share = rate_share(self.options.schedule, update, self.options.updates)
        for optimizer, peak in zip(self.each, self.peaks, strict=True):
            for group in optimizer.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(peak * share)
                else:
                    group["lr"] = peak * share

    def clear(self) -> None:
        """Clear the gradients."""
        for optimizer in self.each:
            optimizer.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Update the parameters."""
        for optimizer in self.each:
            optimizer.step()

    def tensors(self) -> dict[str, Tensor]:
        """State of the optimisers by name: `0.12.exp_avg` for parameter 12 of the first."""
        return {
            f"{which}.{parameter}.{name}": value
            for which, optimizer in enumerate(self.each)
            for parameter, state in optimizer.state_dict()["state"].items()
            for name, value in state.items()
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Load a state from `tensors`."""
        for which, optimizer in enumerate(self.each):
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in tensors.items():
                of, parameter, name = key.split(".", 2)
                if int(of) == which:
                    state.setdefault(int(parameter), {})[name] = value
            optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _groups(parameters: list[nn.Parameter], model: Model) -> list[dict[str, Any]]:
    """The parameters of one optimiser; the weights of covariates have no decay."""
    free = model.head.gamma if isinstance(model.head, CovariateHead) else None
    penalised = [parameter for parameter in parameters if parameter is not free]
    if len(penalised) == len(parameters):
        return [{"params": parameters}]
    return [{"params": penalised}, {"params": [free], "weight_decay": 0.0}]


class Average:
    """Exponential moving average of a model's weights, with a decay that grows to `decay`.

    After n updates the decay is min(decay, (1 + n) / (10 + n)): the untrained first weights soon lose their
    influence, in short trainings too. Buffers are those of the model, as in torch's `AveragedModel`: running statistics
    of batch normalisation already are averages, and averaged once more they lag so far behind early in training that
    the KL term of the averaged model leaps to thousands of nats.

    Parameters
    ----------
    model
        The model to average; it does not change.
    decay
        In [0, 1); with 0 the average is the model itself.
    """

    def __init__(self, model: Model, decay: float) -> None:
        self.decay, self.source = decay, model
        self.model = copy.deepcopy(model).requires_grad_(False).eval() if decay else model
        self.weight = torch.zeros((), device=next(model.parameters()).device)
        self._weights = list(zip(self.model.parameters(), model.parameters(), strict=True))
        self._buffers = list(zip(self.model.buffers(), model.buffers(), strict=True))

    def set_weight(self, update: int) -> None:
        """Set the weight of the newest model at an update, counted from 1."""
        self.weight.fill_(1 - min(self.decay, (1 + update) / (10 + update)))

    @torch.no_grad()
    def follow(self) -> None:
        """Update the average by the current model."""
        if self.model is self.source:
            return
        for old, new in self._weights:
            old.lerp_(new, self.weight.to(old.dtype))
        for buffer, newest in self._buffers:
            buffer.copy_(newest)
