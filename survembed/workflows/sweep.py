"""Train models over values of τ, seeds and folds; each combination is one run and is trained once."""

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
from survembed.runs.jobs.job import LOCK, Job, SweepFolder
from survembed.runs.jobs.local import run_local
from survembed.runs.jobs.options import SweepOptions
from survembed.runs.jobs.process import Answer
from survembed.runs.jobs.sweep import Sweep
from survembed.storage import locks
from survembed.storage.cores import available_cores
from survembed.training.options import SplitOptions
from survembed.training.split import groups_to_leave_out


@dataclass(frozen=True)
class Where:
    """Where and how the runs of a sweep are trained.

    Attributes
    ----------
    workers
        Concurrent runs on this machine; 0 for one per GPU, or one per core without a GPU.
    threads
        CPU threads of each run; 0 divides the cores among the runs (on a cluster: 1).
    scheduler
        Address or file of a Dask scheduler; None for this machine.
    shard
        (i, n): only every n-th job, beginning with the i-th from 0, for job arrays.
    retry
        Whether failed jobs are run again.
    """

    workers: int = 0
    threads: int = 0
    scheduler: str | None = None
    shard: tuple[int, int] = (0, 1)
    retry: bool = False


Watch = Callable[[Sweep], AbstractContextManager[Reporter]]
"""Context that shows a running sweep; it yields the reporter for its messages."""


def plan(configs: Sequence[TrainConfig], axes: SweepOptions) -> list[TrainConfig]:
    """The configuration of every run of a sweep: divisions, folds, seeds, models, values of τ.

    The models of one fold follow each other, so that an interrupted sweep holds complete folds.

    Parameters
    ----------
    configs
        One for each model.
    axes
        Values of the axes; `models` is not used.
    """
    planned = []
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
                        planned.append(replace(config, model=varied, split=split, seed=seed))
    return list({str(config.to_dict()): config for config in planned}.values())


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
    """Train the missing runs of a sweep.

    Several calls, also on several machines, can share one folder; a finished run is not trained again. A failed run is
    recorded with its reason, and the others continue.

    Parameters
    ----------
    configs
        One for each model, all of one dataset.
    axes
        Values of the axes.
    folder
        For runs and records; calls with the same folder share the work.
    where
        Machine or cluster.
    check
        Called with the subjects before anything is trained; its errors end the sweep.
    watch
        Shows the sweep while it runs.

    Raises
    ------
    UsageError
        When the folder holds a sweep of another cohort, or something else.
    DataError
        When the cohort cannot be prepared.
    """
    where = where or Where()
    sweep_folder = SweepFolder(folder.absolute())
    sweep_folder.require_own()
    data = replace(configs[0].data, component=_absolute(configs[0].data.component))
    configs = [replace(config, data=data) for config in configs]
    with prepare(data.component, data.name, reporter=reporter) as cohort:
        if check:
            check(cohort.subjects)
        by = configs[0].split.by
        if by is not None:
            groups = groups_to_leave_out(cohort.subjects, by)
            axes = axes.model_copy(update={"folds": len(groups)})
            reporter.say(f"{len(groups)} folds, each without one group of '{by}': {', '.join(groups)}")
        fingerprint, title = cohort.fingerprint, data_name(cohort.header.title, cohort.header.synthetic)
    jobs = tuple(Job.of(config.to_dict(), fingerprint) for config in plan(configs, axes))
    with locks.waiting(sweep_folder.path / LOCK, "another process adds jobs to this sweep", reporter):
        sweep_folder.add(jobs, fingerprint, title)
    result = Sweep(sweep_folder, title, jobs)
    ours = [job.key for job in jobs][where.shard[0] :: where.shard[1]]
    if where.retry:
        for key in result.failures():
            sweep_folder.forget_failure(key)
    missing = [key for key in ours if sweep_folder.state(key) in ("waiting", "running")]
    if missing:
        shown = watch(result) if watch else nullcontext(reporter)
        with shown as watching, watching.task("sweep", len(missing), "runs") as task:

            def on_answer(answer: Answer) -> None:
                if answer["state"] == "failed":
                    watching.warn(f"{answer['key']} failed: {answer['reason']}")
                task.advance(answer["state"] != "running")

            _train(sweep_folder, missing, len(ours), configs[0].device, where, on_answer, watching)
    return result


def _train(
    folder: SweepFolder,
    missing: list[str],
    n_jobs: int,
    device: str,
    where: Where,
    on_answer: Callable[[Answer], None],
    reporter: Reporter,
) -> None:
    """Run jobs until each is finished or failed, here or by another call on the same folder.

    The threads of a run follow from all `n_jobs`, not from those that are left: the sums of a run, and so the
    last bits of its weights, are the same after a kill.
    """
    reported: set[str] = set()
    while missing:
        free = [key for key in missing if folder.state(key) == "waiting"]
        answered: set[str] = set()

        def take(answer: Answer, answered: set[str] = answered) -> None:
            if answer["state"] != "running":
                answered.add(answer["key"])
            on_answer(answer)

        if free and where.scheduler:
            run_cluster(folder, free, where.scheduler, where.threads or 1, take)
        elif free:
            slots = _slots(device, where.workers)
            threads = where.threads or max(1, available_cores() // min(len(slots), n_jobs))
            run_local(folder, free, slots, threads, take)
        else:
            for key in missing:
                owner = locks.owner_of(folder.lock(key))
                if owner and (text := f"waiting: another process trains {key}: {owner}") not in reported:
                    reported.add(text)
                    reporter.say(text)
            time.sleep(locks.BEAT)
        missing = [key for key in missing if key not in answered and folder.state(key) in ("waiting", "running")]


def _slots(device: str, workers: int) -> list[str | None]:
    """A device for each concurrent run: one run per GPU, or one per core."""
    if device != "auto":
        return [None] * (workers or (available_cores() if device == "cpu" else 1))
    gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    return [gpus[number % len(gpus)] if gpus else None for number in range(workers or len(gpus) or available_cores())]


def _with(component: Component, name: str, value: object) -> Component:
    """The component with another value for an option, validated."""
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
