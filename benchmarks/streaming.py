"""Training from a cohort on disk that is not held in memory: volumes a second, time waited, memory.

    python benchmarks/streaming.py [--gigabytes 30] [--updates 200] [--folder DIR]

Writes a synthetic cohort of 64³ volumes with 2 channels (uint8, noise), embeds nothing, and trains CoxVAE on it with
batches read ahead; the system's cache of the file is dropped first where it can be. Prints how fast random subjects
come from disk, how long updates waited, the peak of memory after each fifth of the updates, and what an epoch of 10⁵
subjects would take.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from survembed.cohort.cohort import Cohort, writing_cohort
from survembed.cohort.subjects import Channel, CohortHeader, Subjects
from survembed.heads import Linear
from survembed.models import CoxVAE
from survembed.progress import Reporter, Task
from survembed.training.images import Images
from survembed.training.loop import fit
from survembed.training.options import TrainOptions
from survembed.training.training_data import TrainingData

EDGE = 64
CHANNELS = (Channel("ct", "gaussian"), Channel("tumour", "bernoulli"))


def write(path: Path, n: int) -> None:
    """n subjects of noise, each different."""
    rng = np.random.default_rng(0)
    block = rng.integers(0, 256, (64, 2, EDGE, EDGE, EDGE), dtype=np.uint8)
    header = CohortHeader("synthetic", "synthetic noise", CHANNELS, (EDGE,) * 3, synthetic=True)
    with writing_cohort(path, header, f"noise-{n}") as writer:
        for start in range(0, n, len(block)):
            writer.add(np.roll(block, start, axis=-1)[: n - start])
        ids = np.array([f"s{number:06d}" for number in range(n)])
        writer.finish(Subjects(ids, rng.exponential(500, n) + 1, rng.random(n) < 0.6), where=str(path))


def forget(path: Path) -> None:
    """Ask the system to drop the file from its cache."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Memory(Reporter, Task):
    """Notes the peak of memory, in GB, at each update."""

    def __init__(self) -> None:
        self.peaks: list[float] = []

    @contextmanager
    def task(self, description: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        yield self

    def advance(self, steps: int = 1, **fields: str) -> None:
        self.peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


def main(
    gigabytes: Annotated[float, typer.Option(help="Size of the cohort.")] = 30.0,
    updates: Annotated[int, typer.Option(help="Of 16 volumes.")] = 200,
    threads: Annotated[int, typer.Option(help="Of the processor.")] = 2,
    folder: Annotated[Path | None, typer.Option(help="Where the cohort is written; a temporary folder else.")] = None,
) -> None:
    """Write, read, train, print."""
    torch.set_num_threads(threads)
    n = int(gigabytes * 1e9 / (2 * EDGE**3))
    with tempfile.TemporaryDirectory(dir=folder) as room:
        path = Path(room) / "cohort.h5"
        start = time.perf_counter()
        write(path, n)
        print(f"{n:,} subjects, {path.stat().st_size / 1e9:.1f} GB, written in {time.perf_counter() - start:.0f} s")
        cohort = Cohort(path)
        images = Images(cohort, torch.device("cpu"), hold=False)
        forget(path)
        rng = np.random.default_rng(1)
        start = time.perf_counter()
        for _ in range(50):
            images.read(torch.from_numpy(rng.choice(n, 16, replace=False)))
        disk = 50 * 16 / (time.perf_counter() - start)
        print(f"random subjects from disk: {disk:.0f} volumes/s ({disk * 2 * EDGE**3 / 1e6:.0f} MB/s)")
        everyone = torch.arange(n)
        subjects = cohort.subjects
        study = TrainingData(
            images, torch.from_numpy(subjects.duration), torch.from_numpy(subjects.event), everyone, everyone[:0]
        )
        model = CoxVAE().build(CHANNELS, (EDGE,) * 3, Linear())
        recipe = TrainOptions(updates=updates, patience=0, shift=0).resolved(3, n)
        forget(path)
        memory = Memory()
        outcome = fit(model, study, recipe, seed=0, reporter=memory)
        rate = updates * 16 / outcome.seconds
        peaks = " ".join(f"{memory.peaks[updates * fifth // 5]:.2f}" for fifth in range(1, 6))
        print(
            f"training: {rate:.1f} volumes/s, waiting for images {outcome.waited / outcome.seconds:.1%} of the time; "
            f"peak memory after each fifth of {updates} updates: {peaks} GB"
        )
        print(f"an epoch of 100,000 subjects: {1e5 / rate / 60:.0f} min training, {1e5 / disk / 60:.1f} min of reading")


if __name__ == "__main__":
    typer.run(main)
