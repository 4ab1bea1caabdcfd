"""Choice of float32 or bf16: bf16 only where a trial is faster and agrees with float32."""

from __future__ import annotations

import copy
import time
from typing import Literal

import torch

from survembed.models.base import Model
from survembed.survival.batch import Batch

TOLERANCE = 0.02
"""Largest relative difference of the loss at which bf16 agrees with float32."""


def choose_precision(
    requested: Literal["auto", "float32", "bf16"], model: Model, batch: Batch
) -> Literal["float32", "bf16"]:
    """The precision to train with; `auto` times two steps of each on copies of `model`.

    Images other than volumes stay in float32: their updates are too small to become faster. Losses, μ, log-variance and
    head are float32 in either case.
    """
    if requested != "auto":
        return requested
    if batch.image.ndim != 5:
        return "float32"
    loss, seconds = _trial(model, batch, bf16=False)
    loss_bf16, seconds_bf16 = _trial(model, batch, bf16=True)
    agrees = abs(loss_bf16 - loss) <= TOLERANCE * max(abs(loss), 1e-6)
    return "bf16" if agrees and seconds_bf16 < 0.9 * seconds else "float32"


def _trial(model: Model, batch: Batch, *, bf16: bool) -> tuple[float, float]:
    """Loss and best time in seconds of forward and backward; the first of three rounds is a warm-up."""
    device = batch.image.device
    trial = copy.deepcopy(model)
    times = []
    first = 0.0
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        for round_ in range(3):
            torch.manual_seed(0)
            start = time.perf_counter()
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                total = trial.loss(batch).total
            total.backward()
            if round_ == 0:
                first = float(total.detach())
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - start)
    return first, min(times[1:])
