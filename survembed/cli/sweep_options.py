"""Options and plan of a sweep, shared by the commands `sweep`, `benchmark` and `tau`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from survembed import registry
from survembed.cli.console import say, show_settings
from survembed.cli.shared_options import AsJson, Assignments, Config, DryRun, Root, names_of, with_options_of
from survembed.cli.sweep_table import watch
from survembed.errors import UsageError

if TYPE_CHECKING:
    from survembed.cohort.subjects import Subjects
    from survembed.runs.configuration import TrainConfig
    from survembed.runs.jobs.options import SweepOptions
    from survembed.runs.jobs.sweep import Sweep
    from survembed.runs.settings import Setting, Settings
    from survembed.workflows.sweep import Where

AXES = "Sweep"
EXECUTION = "Execution"


def _axis(flag: str, help_: str) -> Any:
    return typer.Option(flag, help=help_, rich_help_panel=AXES)


def _execution(flag: str, help_: str, **more: Any) -> Any:
    return typer.Option(flag, help=help_, rich_help_panel=EXECUTION, **more)


# Outside the class: a lambda in the annotations of the class cannot see the names of this module.
DataName = Annotated[
    str | None, typer.Option("--data", help="Name of the dataset.", autocompletion=lambda: names_of("datasets"))
]


@dataclass(frozen=True)
class SweepRequest:
    """Options of a sweep as typed; None leaves the option to the file, the environment and the default."""

    data: DataName = None
    root: Root = None
    models: Annotated[str | None, _axis("--models", "Models to train, such as coxvae,vae,deepsurv.")] = None
    taus: Annotated[str | None, _axis("--taus", "Values of tau for models with this option, such as 0.01,0.5.")] = None
    seeds: Annotated[str | None, _axis("--seeds", "Random seeds of training, such as 0,1,2.")] = None
    folds: Annotated[
        int | None, _axis("--folds", "Cross-validation folds, each used once for testing; 0 for one fixed test part.")
    ] = None
    repeats: Annotated[int | None, _axis("--repeats", "Number of random divisions of the subjects.")] = None
    sweep_dir: Annotated[
        Path, _execution("--sweep-dir", "Folder of the sweep. Finished runs in it are not trained again.")
    ] = Path("sweep")
    workers: Annotated[
        int, _execution("--workers", "Runs trained at the same time; 0 for one per GPU, or one per core.", min=0)
    ] = 0
    threads: Annotated[
        int, _execution("--threads", "CPU threads per run; 0 to divide the cores evenly among the runs.", min=0)
    ] = 0
    scheduler: Annotated[
        str | None, _execution("--scheduler", "Address or file of a Dask scheduler; its workers train the runs.")
    ] = None
    retry: Annotated[bool, _execution("--retry", "Train failed runs again.")] = False
    device: Annotated[str | None, _execution("--device", "Device for training: auto, cpu, cuda, cuda:1 or mps.")] = None
    config: Config = None
    assignments: Assignments = None
    dry_run: DryRun = False
    as_json: AsJson = False


with_sweep_options = with_options_of(SweepRequest)


@dataclass(frozen=True)
class PlannedSweep:
    """A sweep with all options resolved, before training.

    Attributes
    ----------
    settings
        Source of the options, also for those of other components.
    axes
        Options that are varied.
    configs
        Configuration of each model.
    """

    settings: Settings
    axes: SweepOptions
    configs: list[TrainConfig]

    def runs(self) -> list[TrainConfig]:
        """Configuration of every single run."""
        from survembed.workflows.sweep import plan

        return plan(self.configs, self.axes)


def resolve_plan(request: SweepRequest, axes: type[SweepOptions], command_line: str) -> PlannedSweep:
    """Resolve all options of a sweep; each model gets those options of the section `model` that it defines.

    Raises
    ------
    UsageError
        When no model defines an option or a tau, a value is out of range, or the dataset is missing.
    """
    from survembed.cli.train_options import resolve_training
    from survembed.runs.settings import Setting, Settings

    given = {
        "data.name": ("--data", request.data),
        "data.root": ("--root", request.root),
        "device": ("--device", request.device),
        **{f"sweep.{name}": (f"--{name}", getattr(request, name)) for name in axes.model_fields},
    }
    settings = Settings.gather(
        config=request.config,
        assignments=request.assignments or (),
        flags={key: Setting(value, flag, command_line) for key, (flag, value) in given.items() if value is not None},
        command=command_line,
    )
    chosen = settings.component("sweep", "sweep", axes)
    models = {name: registry.load("models", name, where=command_line) for name in chosen.models}
    known = {field for model in models.values() for field in model.model_fields}
    if chosen.taus and "tau" not in known:
        raise UsageError(
            f"no option tau in {' or '.join(models)}: --taus would have no effect",
            where=command_line,
            expected="a model with the option tau in --models, such as coxvae, or no --taus",
        )
    configs = []
    for name, model in models.items():
        view = _for_model(settings, known - set(model.model_fields))
        configs.append(resolve_training(view, name, command_line))
        settings.resolved |= view.resolved
    return PlannedSweep(settings, chosen, configs)


def _for_model(settings: Settings, foreign: set[str]) -> Settings:
    """Settings without the model name and without options that only other models of the sweep define."""
    from survembed.runs.settings import variable

    dropped = {"model.name", *(f"model.{name}" for name in foreign)}
    if "head" in foreign:
        dropped.add("head.name")
    variables = {variable(key) for key in dropped}

    def without(values: Mapping[str, Setting]) -> dict[str, Setting]:
        return {key: setting for key, setting in values.items() if key not in dropped}

    environment = {name: text for name, text in settings.environment.items() if name not in variables}
    kept = {name: without(getattr(settings, name)) for name in ("preset", "file", "assigned", "flags")}
    return replace(settings, environment=environment, resolved={}, **kept)


def show_plan(planned: PlannedSweep, as_json: bool) -> None:
    """Print the result of `--dry-run`: all options and the number of runs."""
    show_settings(planned.settings, as_json)
    say(f"{len(planned.runs())} runs")


def run_plan(
    planned: PlannedSweep, request: SweepRequest, where: Where, check: Callable[[Subjects], None] | None = None
) -> Sweep:
    """Train the missing runs of a sweep, with a live progress table on a terminal; `check` as for `sweep`."""
    from survembed.cli.reporter import reporter
    from survembed.workflows.sweep import sweep

    live = watch if sys.stderr.isatty() else None
    return sweep(planned.configs, planned.axes, request.sweep_dir, where, check=check, watch=live, reporter=reporter())


def where_of(request: SweepRequest, shard: str = "0/1") -> Where:
    """Where and how the runs are trained."""
    from survembed.workflows.sweep import Where, parse_shard

    return Where(request.workers, request.threads, request.scheduler, parse_shard(shard), request.retry)


def exit_if_failures(sweep: Sweep) -> None:
    """Leave with exit code 5 when runs have failed."""
    if sweep.failures():
        say(f"{len(sweep.failures())} run(s) failed; to train them again: the same command with --retry")
        raise typer.Exit(5)
