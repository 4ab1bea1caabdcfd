"""Hands each update its subjects, read ahead while the one before computes."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from survembed.survival.batch import Batch
from survembed.training.batches import Batches
from survembed.training.processes import Processes
from survembed.training.training_data import TrainingData

AHEAD = 4
"""Updates read ahead: enough to hide one slow read, and a few batches in memory."""


class Feed:
    """The micro-batches of each update, of this process's part; a context, which stops reading at its end.

    Parameters
    ----------
    study
        Images and outcomes.
    batches
        Positions of the subjects of each update.
    micro_batches
        Into how many an update is divided.
    processes
        This one and the others.

    Attributes
    ----------
    n_events, n_empty
        Events in all batches so far, and how many batches had none.
    waited
        Seconds that updates waited for their images.
    """

    def __init__(self, study: TrainingData, batches: Batches, micro_batches: int, processes: Processes) -> None:
        self.study, self.batches, self.micro_batches, self.processes = study, batches, micro_batches, processes
        self.n_events = self.n_empty = 0
        self.waited = 0.0
        device = study.images.device
        self._duration, self._event = study.duration.to(device), study.codes.to(device)
        self._entry, self._covariates = (
            None if column is None else column.to(device) for column in (study.entry, study.covariates)
        )
        self._reader = None if study.images.held else ThreadPoolExecutor(1, "reading")
        self._ahead: dict[int, Future[Tensor]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader:
            self._reader.shutdown(cancel_futures=True)

    def __call__(self, update: int) -> tuple[list[Batch], int]:
        """Micro-batches of update number `update`, and how many subjects it has in all processes."""
        everyone = self.batches[update]
        n_events = int(self.study.event[everyone].sum())
        self.n_events += n_events
        self.n_empty += n_events == 0
        index = everyone[self.processes.part(len(everyone))]
        start = time.perf_counter()
        images = self._images(update, index)
        self.waited += time.perf_counter() - start
        there = on_device(index, images.device)
        count = self.processes.micro_batches(len(everyone), self.micro_batches)
        whole = Batch(
            images,
            self._duration[there],
            self._event[there],
            None if self._covariates is None else self._covariates[there],
            entry=None if self._entry is None else self._entry[there],
        )
        return whole.split(count), len(everyone)

    def _images(self, update: int, index: Tensor) -> Tensor:
        images = self.study.images
        if self._reader is None:
            return images[index]
        for coming in range(update, update + AHEAD):
            if coming not in self._ahead:
                everyone = self.batches[coming]
                mine = everyone[self.processes.part(len(everyone))]
                self._ahead[coming] = self._reader.submit(images.read, mine)
        return images.scaled(on_device(self._ahead.pop(update).result(), images.device))


def on_device(values: Tensor, device: torch.device) -> Tensor:
    """`values` on `device`; to a GPU from pinned memory, so that nobody waits."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values.to(device)
