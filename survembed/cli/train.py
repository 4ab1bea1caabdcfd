"""`survembed train MODEL`: train a model on a dataset."""

from __future__ import annotations

import inspect
import os
from collections.abc import Collection
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from survembed import registry
from survembed.cli.common import (
    DEFAULT_RUNS_DIR,
    AsJson,
    Assignments,
    Clinical,
    Config,
    DryRun,
    Root,
    RunsDir,
    SkipBad,
    ids_of_runs,
    names_of,
    sign,
)
from survembed.cli.console import say, show_settings
from survembed.cli.failures import INTERRUPTED
from survembed.cli.lazy import lazy_group
from survembed.cli.torchrun import launch
from survembed.errors import UsageError

if TYPE_CHECKING:
    from survembed.cli.flags import Flag
    from survembed.registry.component import Component
    from survembed.runs.configuration import TrainConfig
    from survembed.runs.run import Run
    from survembed.runs.settings import Settings

DATA = "Data"
RUN = "Run"


def make_command(model: str, command_line: str) -> Any:
    """The command of a model: its own options, those of training, split and data, and those of every command."""
    from typer.main import get_command

    component = registry.load("models", model, where=command_line)
    flags = _flags(component)

    def train_model(ctx: typer.Context, **values: Any) -> int:
        return run(ctx, model, flags, values)

    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    sign(train_model, [context, *(flag.parameter for flag in flags), *_fixed_parameters()])
    app = typer.Typer(add_completion=False)
    text = inspect.cleandoc(component.__doc__ or "").replace("[", r"\[")
    epilog = "Options of dataset and head: --set data.NAME=VALUE and --set head.NAME=VALUE; see survembed plugins show."
    app.command(model, help=text, epilog=epilog)(train_model)
    return get_command(app)


def _outline() -> Any:
    """A command with the options for data, which are those of every model; for completion, which imports no model."""
    from typer.main import get_command

    def train_model(**values: Any) -> None: ...

    sign(train_model, [flag.parameter for flag in _data_flags()])
    app = typer.Typer(add_completion=False)
    app.command()(train_model)
    return get_command(app)


def _summary(model: str) -> str:
    """Our own summary, or a third party's package, which is not imported."""
    entry = registry.find("models", model)
    return (registry.written_summary(entry) if entry.builtin else "") or f"From the package {entry.distribution}."


app = typer.Typer(
    cls=lazy_group(lambda: registry.names("models"), _summary, make_command, _outline),
    add_completion=False,
    help="Train a model on a dataset.",
    no_args_is_help=True,
    invoke_without_command=True,
    subcommand_metavar="MODEL [OPTIONS]",
)
Processes = Annotated[int, typer.Option("--nproc", min=1, help="Processes of one training, each on its own GPU.")]


@app.callback()
def train(
    ctx: typer.Context,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="RUN", help="Continue a run that was cut short.", autocompletion=ids_of_runs),
    ] = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    nproc: Processes = 1,
    as_json: AsJson = False,
) -> int | None:
    """Train a model on a dataset."""
    if ctx.invoked_subcommand is None and resume is not None:
        return resume_run(resume, runs_dir, nproc, as_json, str(ctx.obj))
    typed = {"--resume": resume is not None, "--nproc": nproc > 1, "--json": as_json}
    misplaced = next((flag for flag, given in typed.items() if given), None)
    if misplaced:
        raise UsageError(
            f"{misplaced} stands before the model" if ctx.invoked_subcommand else f"{misplaced} needs a model",
            where=str(ctx.obj),
            expected="options after the model; --resume RUN alone",
            try_="survembed train --help",
        )
    return None


def resume_run(name: str, runs_dir: Path, nproc: int, as_json: bool, command_line: str) -> int:
    """Continue a run from its last checkpoint, and print it."""
    from survembed.runs.run import Runs

    run = Runs(runs_dir).named(name)
    launch(nproc if nproc > 1 else int(run.record.get("processes", 1)), command_line)

    from survembed.cli.reporter import reporter
    from survembed.workflows.train import resume

    return show_trained(resume(run, reporter=reporter()), as_json)


def show_trained(trained: Run, as_json: bool) -> int:
    """The run, what to do next, and the exit code."""
    from survembed.cli.runs import show_run
    from survembed.training.processes import launched

    if launched() and os.environ["RANK"] != "0":
        return 0
    show_run(trained, as_json, options=False)
    end = trained.record["outcome"]["end"]
    if end == "completed" or end == "stopped early":
        say("next: survembed evaluate, or survembed traverse; survembed runs show lists every option")
        return 0
    say("the run holds the best weights so far" if end == "interrupted" else "training was told to end")
    say(f"to continue: survembed train --resume {trained.id}")
    return INTERRUPTED


def run(ctx: typer.Context, model: str, flags: Collection[Flag], values: dict[str, Any]) -> int:
    """Resolve every option; then print them (`--dry-run`) or train, and print the run."""
    from survembed.cli.flags import typed_by_user
    from survembed.runs.settings import Setting, Settings
    from survembed.training.options import PRESETS

    preset = values["preset"]
    settings = Settings.gather(
        config=values["config"],
        assignments=values["assignments"] or (),
        flags=typed_by_user(flags, ctx, values),
        preset={f"train.{name}": Setting(value, f"preset {preset}") for name, value in PRESETS[preset].items()},
        command=str(ctx.obj),
    )
    config = resolve(settings, model, str(ctx.obj))
    if values["dry_run"]:
        show_settings(settings, values["as_json"])
        return 0

    from survembed.cli.reporter import reporter

    if values["nproc"] > 1:  # what is wrong is said once, not by each process
        for tracker in config.train.trackers:
            registry.load("trackers", tracker, where=str(ctx.obj))
        from survembed.cohort.prepare import prepare

        prepare(config.data.component, config.data.name, reporter=reporter()).close()
    launch(values["nproc"], str(ctx.obj))

    from survembed.workflows.train import train

    run = train(config, runs_dir=values["runs_dir"], name=values["name"], reporter=reporter())
    return show_trained(run, values["as_json"])


def resolve(settings: Settings, model: str, command_line: str) -> TrainConfig:
    """The configuration of a training: every component configured, nothing heavy imported.

    Raises
    ------
    UsageError
        When no dataset is named, the file is for another model, or an option is unknown or out of range.
    PluginError
        When dataset or head cannot be found or loaded.
    """
    from survembed.runs.configuration import Chosen, TrainConfig, choose_model
    from survembed.runs.settings import Common, Setting
    from survembed.training.options import SplitOptions, TrainOptions

    named = settings.name("model")
    if named and named.value != model:
        raise UsageError(
            f"the options are for the model {named.value}, the command is for {model}",
            where=named.where,
            expected=f"model.name = '{model}', or none",
            try_=f"survembed train {named.value}",
        )
    settings.resolved["model.name"] = Setting(model, "command")
    data = settings.name("data")
    if data is None:
        known = registry.names("datasets")
        raise UsageError(
            "no dataset is chosen",
            where=command_line,
            expected=f"--data with one of {', '.join(known)}",
            try_=f"{command_line} --data {known[0]}" if known else None,
        )
    dataset = Chosen.from_settings(settings, "data", "datasets", str(data.value), data.where)
    chosen, head = choose_model(settings, model, command_line)
    common = settings.component("", "survembed", Common)
    return TrainConfig(
        dataset,
        chosen,
        head,
        settings.component("train", "training", TrainOptions),
        settings.component("split", "split", SplitOptions),
        common.seed,
        common.device,
    )


def _flags(component: type[Component]) -> list[Flag]:
    from survembed.cli.flags import flags_of
    from survembed.runs.settings import Common
    from survembed.training.options import SplitOptions, TrainOptions

    fixed = [parameter.name for parameter in _fixed_parameters()]
    data = _data_flags()
    taken = {*fixed, "data", *(flag.name[2:] for flag in data), "json", "set", "help"}
    taken |= {*TrainOptions.model_fields, *Common.model_fields}
    return [
        *flags_of(component, "model", "Model", taken),
        *data,
        *flags_of(SplitOptions, "split", DATA, prefixed=True),
        *flags_of(TrainOptions, "train", "Training"),
        *flags_of(Common, "", RUN),
    ]


def _data_flags() -> list[Flag]:
    """The dataset, and those of its options that most users need; the others are set by `--set` or in a file."""
    from survembed.cli.flags import Flag

    name = typer.Option("--data", help="Dataset, by name.", autocompletion=lambda: names_of("datasets"))
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


def _fixed_parameters() -> list[inspect.Parameter]:
    """Options that set nothing in the configuration."""
    from survembed.training.options import PRESETS

    preset = typer.Option(
        "--preset",
        help="Values for training in place of the defaults; 'paper' is the paper's recipe.",
        rich_help_panel="Training",
    )
    name = typer.Option("--name", help="Part of the run's id; model and dataset where not given.", rich_help_panel=RUN)
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
