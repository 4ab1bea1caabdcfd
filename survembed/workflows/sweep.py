"""Train models over τ, seeds and folds as single runs that are never done twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from survembed.cohort.captions import data_name
from survembed.cohort.prepare import prepare
from survembed.cohort.subjects import Subjects
from survembed.errors import UsageError
from survembed.progress import QUIET, Reporter
from survembed.registry.component import Component
from survembed.runs.configuration import TrainConfig
from survembed.runs.jobs.cluster import run_cluster
from survembed.runs.jobs.job import Job, SweepFolder
from survembed.runs.jobs.local import run_local
from survembed.runs.jobs.options import SweepOptions
from survembed.runs.jobs.process import Answer
from survembed.runs.jobs.sweep import Sweep
from survembed.storage import locks
from survembed.storage.cores import available_cores
from survembed.training.options import SplitOptions


@dataclass(frozen=True)
class Where:
    """Where and how the runs of a sweep are trained.

    Attributes
    ----------
    workers
        Runs at once on this machine; 0 for one a GPU, or one a core without GPU.
    threads
        CPU threads of each run; 0 shares the cores out (on a cluster: 1).
    scheduler
        Address or file of a Dask scheduler; None for this machine.
    shard
        (i, n): only every n-th cell, beginning with the i-th from 0, for job arrays.
    retry
        Whether cells that failed are tried again.
    """

    workers: int = 0
    threads: int = 0
    scheduler: str | None = None
    shard: tuple[int, int] = (0, 1)
    retry: bool = False


Watch = Callable[[Sweep], AbstractContextManager[Reporter]]
"""Shows a sweep for as long as it runs, and takes its words meanwhile."""


def plan(configs: Sequence[TrainConfig], axes: SweepOptions) -> list[TrainConfig]:
    """Every single run of a sweep: divisions, folds, seeds, models, values of τ.

    Ordered so that what a table compares is trained close together: a sweep cut short holds whole folds.

    Parameters
    ----------
    configs
        One for each model.
    axes
        Their `models` are not looked at.
    """
    found = []
    for repeat in range(axes.repeats):
        for fold in range(max(axes.folds, 1)):
            for seed in axes.seeds:
                for config in configs:
                    model = config.model
                    has_tau = "tau" in type(model.component).model_fields
                    for tau in axes.taus if has_tau and axes.taus else (None,):
                        update = {"folds": axes.folds, "fold": fold, "repeat": repeat}
                        split = SplitOptions(**{**config.split.model_dump(), **update})
                        varied = model if tau is None else replace(model, component=_with(model.component, "tau", tau))
                        found.append(replace(config, model=varied, split=split, seed=seed))
    return list({str(config.to_dict()): config for config in found}.values())


def sweep(
    configs: Sequence[TrainConfig],
    axes: SweepOptions,
    folder: Path,
    where: Where | None = None,
    *,
    check: Callable[[Subjects], None] | None = None,
    watch: Watch | None = None,
    reporter: Reporter = QUIET,
) -> Sweep:
    """Train what is missing of a sweep.

    A finished run is never trained again, however often and from however many machines this is called at once on the
    same folder. A run that fails is recorded with its reason and the rest goes on.

    Parameters
    ----------
    configs
        One for each model, all of one dataset.
    axes
        What is varied.
    folder
        For runs and records; the same for every call that shares the work.
    where
        Machine or cluster.
    check
        Sees the subjects before anything is trained; what it raises is raised.
    watch
        Shows the sweep while it runs.

    Raises
    ------
    UsageError
        When the folder holds a sweep of another cohort.
    DataError
        When the cohort cannot be prepared.
    """
    where = where or Where()
    data = replace(configs[0].data, component=_absolute(configs[0].data.component))
    configs = [replace(config, data=data) for config in configs]
    with prepare(data.component, data.name, reporter=reporter) as cohort:
        if check:
            check(cohort.subjects)
        fingerprint, title = cohort.fingerprint, data_name(cohort.header.title, cohort.header.synthetic)
    cells = tuple(Job.of(config.to_dict(), fingerprint) for config in plan(configs, axes))
    place = SweepFolder(folder.absolute())
    with locks.waiting(place.path / "sweep.lock"):
        place.add(cells, fingerprint, title)
    made = Sweep(place, title, cells)
    ours = [cell.key for cell in cells][where.shard[0] :: where.shard[1]]
    if where.retry:
        for key in made.failures():
            place.forget_failure(key)
    missing = [key for key in ours if place.state(key) in ("waiting", "running")]
    if missing:
        shown = watch(made) if watch else nullcontext(reporter)
        with shown as speaker, speaker.task("sweep", len(missing), "runs") as task:

            def on_answer(answer: Answer) -> None:
                if answer["state"] == "failed":
                    speaker.warn(f"{answer['key']} failed: {answer['reason']}")
                task.advance(answer["state"] != "running")

            _train(place, missing, configs[0].device, where, on_answer)
    return made


def _train(
    place: SweepFolder, missing: list[str], device: str, where: Where, on_answer: Callable[[Answer], None]
) -> None:
    """Train cells until each is finished or failed, here or by another sweep in the same folder."""
    while missing:
        free = [key for key in missing if place.state(key) == "waiting"]
        answered: set[str] = set()

        def take(answer: Answer, answered: set[str] = answered) -> None:
            if answer["state"] != "running":
                answered.add(answer["key"])
            on_answer(answer)

        if free and where.scheduler:
            run_cluster(place, free, where.scheduler, where.threads or 1, take)
        elif free:
            slots = _slots(device, where.workers)
            run_local(
                place, free, slots, where.threads or max(1, available_cores() // min(len(slots), len(free))), take
            )
        else:
            time.sleep(locks.BEAT)
        missing = [key for key in missing if key not in answered and place.state(key) in ("waiting", "running")]


def _slots(device: str, workers: int) -> list[str | None]:
    """A device for each run that may go on at once: one run a GPU, or one a core."""
    if device != "auto":
        return [None] * (workers or (available_cores() if device == "cpu" else 1))
    gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    return [gpus[number % len(gpus)] if gpus else None for number in range(workers or len(gpus) or available_cores())]


def _with(component: Component, name: str, value: object) -> Component:
    """The component with another value for an option, checked like any."""
    return type(component).configure(type(component).__name__, {**component.model_dump(), name: value})


def _absolute(component: Component) -> Component:
    """The component with absolute paths: workers may start in other folders."""
    paths = {name: value.absolute() for name, value in component if isinstance(value, Path)}
    return component.model_copy(update=paths)


def parse_shard(text: str) -> tuple[int, int]:
    """`3/16` as (3, 16): the fourth of sixteen shards.

    Raises
    ------
    UsageError
        When it is not two numbers i/n with 0 ≤ i < n.
    """
    first, _, count = text.partition("/")
    if first.isdigit() and count.isdigit() and int(first) < int(count):
        return int(first), int(count)
    raise UsageError(
        f"no shard '{text}'", where=f"--shard {text}", expected="i/n with i from 0 to n - 1", try_="--shard 0/4"
    )
