"""Options of `survembed train MODEL`: flags of the model, the training, the split and the data, and their values."""

from __future__ import annotations

import inspect
from copy import copy
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from survembed import registry
from survembed.cli.shared_options import (
    DEFAULT_RUNS_DIR,
    AsJson,
    Assignments,
    Clinical,
    Config,
    DryRun,
    Root,
    RunsDir,
    SkipBad,
    names_of,
)
from survembed.errors import UsageError

if TYPE_CHECKING:
    from survembed.cli.component_options import Flag
    from survembed.registry.component import Component
    from survembed.runs.configuration import TrainConfig
    from survembed.runs.settings import Settings
    from survembed.training.options import TrainOptions

DATA = "Data"
RUN = "Run"
Processes = Annotated[
    int, typer.Option("--nproc", min=1, max=1024, help="Number of processes that train together, each on its own GPU.")
]


def resolve_training(settings: Settings, model: str, command_line: str) -> TrainConfig:
    """Configuration of a training, with all components configured; imports no torch.

    Raises
    ------
    UsageError
        When the dataset is missing, the file is for another model, or an option is unknown or out of range.
    PluginError
        When dataset or head cannot be found or loaded.
    """
    from survembed.runs.configuration import TrainConfig
    from survembed.runs.settings import Setting

    named = settings.name("model")
    if named and named.value != model:
        raise UsageError(
            f"the options are for the model {named.value}, the command is for {model}",
            where=named.where,
            expected=f"model.name = '{model}', or no model.name",
            try_=f"survembed train {named.value}",
        )
    settings.resolved["model.name"] = Setting(model, "command")
    data = settings.name("data")
    if data is None:
        names = registry.names("datasets")
        ready = next((name for name in names if name == "liver"), names[0] if names else None)  # it needs no files
        raise UsageError(
            "the dataset is missing",
            where=command_line,
            expected=f"--data with one of {', '.join(names)}",
            try_=f"{command_line} --data {ready}" if ready else None,
        )
    return TrainConfig.from_settings(settings, model, data, command_line)


def require_subject_per_process(options: TrainOptions, n_processes: int) -> None:
    """Refuse a batch with fewer subjects than processes.

    Raises
    ------
    UsageError
        When `options` give the size of such a batch.
    """
    from survembed.training.processes import Processes

    if options.batch_size:
        Processes(count=n_processes).micro_batches(options.batch_size * options.accumulate, 1)


def flags_of_model(component: type[Component]) -> list[Flag]:
    """All flags of `survembed train` for a model, without those of `fixed_parameters`."""
    from survembed.cli.component_options import flags_of
    from survembed.runs.settings import Common
    from survembed.training.options import SplitOptions, TrainOptions

    fixed = [parameter.name for parameter in fixed_parameters()]
    data = data_flags()
    taken = {*fixed, "data", *(flag.name[2:] for flag in data), "json", "set", "help"}
    taken |= {*TrainOptions.model_fields, *Common.model_fields}
    return [
        *flags_of(component, "model", "Model", taken),
        *data,
        *flags_of(SplitOptions, "split", DATA, prefixed=True),
        *flags_of(TrainOptions, "train", "Training"),
        *flags_of(Common, "", RUN),
    ]


def data_flags() -> list[Flag]:
    """Flags for the dataset and its most common options; `--set` and files set the others."""
    from survembed.cli.component_options import Flag

    name = typer.Option("--data", help="Name of the dataset.", autocompletion=lambda: names_of("datasets"))
    declared: list[tuple[str, str, Any, Any]] = [
        ("--data", "name", None, Annotated[str | None, name]),
        ("--root", "root", None, Root),
        ("--clinical", "clinical", None, Clinical),
        ("--skip-bad", "skip_bad", False, SkipBad),
    ]
    flags = []
    for typed, key, default, annotation in declared:
        kind, option = annotation.__origin__, copy(annotation.__metadata__[0])
        option.rich_help_panel = DATA
        parameter = inspect.Parameter(
            f"data__{key}", inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
        )
        flags.append(Flag(f"data.{key}", typed, parameter))
    return flags


def fixed_parameters() -> list[inspect.Parameter]:
    """Options that are not part of the configuration of a run."""
    from survembed.training.options import PRESETS

    preset = typer.Option(
        "--preset",
        help="Set of options used as defaults: 'paper' for those of the paper, 'few-events' for 100 events or fewer.",
        rich_help_panel="Training",
    )
    name = typer.Option("--name", help="Name in the id of the run. Default: model and dataset.", rich_help_panel=RUN)
    declared: list[tuple[str, Any, Any]] = [
        ("preset", "default", Annotated[Literal[tuple(PRESETS)], preset]),
        ("config", None, Config),
        ("assignments", None, Assignments),
        ("runs_dir", DEFAULT_RUNS_DIR, RunsDir),
        ("name", None, Annotated[str | None, name]),
        ("nproc", 1, Processes),
        ("dry_run", False, DryRun),
        ("as_json", False, AsJson),
    ]
    keyword = inspect.Parameter.KEYWORD_ONLY
    return [inspect.Parameter(name, keyword, default=default, annotation=kind) for name, default, kind in declared]
