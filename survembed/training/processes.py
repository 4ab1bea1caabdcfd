"""Many processes, one training: what torchrun started, with gloo on CPUs and NCCL on GPUs.

The batch size is that of all processes together: otherwise the risk set, and so the model, would change with their
number. Every process draws the whole batch and takes its part of it, so no data are scattered and none are lost.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise

import torch
import torch.distributed as dist
from torch import nn

from survembed.errors import UsageError
from survembed.survival.risk_set import RiskSet, Rows, Surrounding


@dataclass(frozen=True)
class Processes:
    """This process among those of the training.

    Attributes
    ----------
    rank
        Of this one, from 0, which writes the run.
    count
        Of all.
    device
        Where this one computes.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def first(self) -> bool:
        """Whether this process writes the run."""
        return self.rank == 0

    def part(self, n: int) -> slice:
        """Which of n rows are this process's: as even as can be, the first processes take one more."""
        return self._parts(n)[self.rank]

    def _parts(self, n: int) -> list[slice]:
        small, more = divmod(n, self.count)
        ends = [small * rank + min(rank, more) for rank in range(self.count + 1)]
        return [slice(start, end) for start, end in pairwise(ends)]

    def micro_batches(self, n: int, wanted: int) -> int:
        """Micro-batches of an update of n subjects: `wanted`, or fewer where a process has fewer subjects.

        All processes have the same number: each forward pass exchanges batch statistics between them.

        Raises
        ------
        UsageError
            When there are fewer subjects than processes.
        """
        if n < self.count:
            raise UsageError(
                f"a batch of {n} subject(s) for {self.count} processes",
                where="--nproc",
                expected="at least one subject for each process",
                try_=f"--nproc {n}, or a larger --batch-size",
            )
        return min(wanted, n // self.count)

    def gather(self, rows: Rows, n: int) -> tuple[Rows, int]:
        """Rows of all processes (n,), as constants, and where among them this one's begin."""
        parts = self._parts(n)
        if self.count == 1:
            return replace(rows, log_hazard=rows.log_hazard.detach()), 0
        longest = max(part.stop - part.start for part in parts)
        device = rows.log_hazard.device
        columns = list(rows)
        mine = torch.zeros(len(columns), longest, dtype=torch.float64, device=device)  # a shorter part is padded
        for row, values in zip(mine, columns, strict=True):
            row[: len(values)] = values.detach()
        collected = [torch.empty_like(mine) for _ in parts]
        dist.all_gather(collected, mine)
        log_hazard, duration, event, *entry = torch.cat(
            [values[:, : part.stop - part.start] for values, part in zip(collected, parts, strict=True)], dim=1
        )
        return Rows(log_hazard.to(rows.log_hazard.dtype), duration, event.bool(), *entry), parts[self.rank].start

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace each gradient by the sum over all processes, in one exchange."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if self.count == 1 or not gradients:
            return
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        for gradient, summed in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(summed.view_as(gradient))

    def any(self, flag: bool) -> bool:
        """Whether `flag` is true in at least one process; compared on the CPU, so that no GPU is synchronised."""
        if self.count == 1:
            return flag
        flags = torch.tensor([flag], dtype=torch.uint8)
        dist.all_reduce(flags, dist.ReduceOp.MAX)
        return bool(flags)

    def agree(self, number: float) -> float:
        """The first process's `number` in all of them."""
        if self.count == 1:
            return number
        held = torch.tensor([number], dtype=torch.float64, device=self.device)
        dist.broadcast(held, 0)
        return float(held)

    def agree_on_text(self, text: str) -> str:
        """The first process's `text` in all of them."""
        content = text.encode()
        length = int(self.agree(len(content)))
        if self.count == 1:
            return text
        held = torch.zeros(length, dtype=torch.uint8, device=self.device)
        if self.first:
            held.copy_(torch.tensor(list(content), dtype=torch.uint8))
        dist.broadcast(held, 0)
        return bytes(held.tolist()).decode()


class Gathering(RiskSet):
    """Gathers the rows of all processes, one pass for each process.

    Parameters
    ----------
    processes
        This one and the others.
    n
        Rows of the whole update.
    """

    def __init__(self, processes: Processes, n: int) -> None:
        self.processes, self.n = processes, n

    def join(self, rows: Rows) -> tuple[Rows, float]:
        """All rows, those of this process with their graph."""
        return Surrounding(*self.processes.gather(rows, self.n)).join(rows)


def launched() -> bool:
    """Whether torchrun started this process as one of several."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the processes that torchrun started, for the length of the block; alone where it did not."""
    if not launched():
        yield Processes(device=device)
        return
    if dist.is_initialized():
        yield Processes(dist.get_rank(), dist.get_world_size(), device)
        return
    # Functions of this module keep, as their defaults, the group that exists when it is first imported, and PyTorch's
    # optimizers import it: a group that is kept is never closed, and its threads can abort a process that ends.
    importlib.import_module("torch.distributed.nn.functional")
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), device)
    finally:
        dist.destroy_process_group()
