"""Train a model on a cohort, or resume a training: from a configuration to a finished run."""

from __future__ import annotations

from pathlib import Path

from survembed.progress import QUIET, Reporter
from survembed.runs.configuration import TrainConfig, read_config
from survembed.runs.run import Run, Runs
from survembed.training.device import find_device
from survembed.training.processes import joined, launched
from survembed.workflows.run_record import launch_id
from survembed.workflows.training_run import TrainingRun, require_unfinished


def train(config: TrainConfig, *, runs_dir: Path, name: str | None = None, reporter: Reporter = QUIET) -> Run:
    """Train a model, and make its run the latest one in `runs_dir`.

    The best weights so far are on disk at any moment. After Ctrl-C the run is finished with them, with `end` =
    `interrupted`; after SIGTERM its status is `stopped`. Both can be resumed, as can a run whose process was killed.
    An error before the first weights removes the folder. Processes started by torchrun train one run together, and
    continue it when torchrun restarts them.

    Parameters
    ----------
    runs_dir
        Folder of all runs.
    name
        Part of the run's id; by default model and dataset.

    Raises
    ------
    DataError
        When the cohort cannot be prepared or divided.
    PluginError
        When a tracker cannot be used.
    RunError
        When training diverges.
    """
    with joined(find_device(config.device)) as processes:
        begun = _run_of_this_launch(runs_dir) if processes.first else None
        path = processes.agree_on_text(str(begun.path) if begun else "")
        training = TrainingRun(config, runs_dir, processes, reporter)
        return training.resume(Run(Path(path))) if path else training.begin(name)


def resume(run: Run, *, reporter: Reporter = QUIET) -> Run:
    """Continue an unfinished or interrupted run from its last checkpoint.

    On the same machine, with as many threads, the weights equal bit for bit those of an undisturbed training.

    Raises
    ------
    RunError
        When the run is finished, running on this or another host, or damaged, or its data have changed.
    """
    require_unfinished(run)
    config = read_config(run)
    with joined(find_device(config.device)) as processes:
        return TrainingRun(config, run.path.parent, processes, reporter).resume(run)


def _run_of_this_launch(runs_dir: Path) -> Run | None:
    """The run that an earlier attempt of the same torchrun left, if any."""
    if not launched():
        return None
    same_launch = (run for run in reversed(Runs(runs_dir).list()) if run.record.get("launch") == launch_id())
    return next(same_launch, None)
