"""`survembed train MODEL`: train a model on a dataset."""

from __future__ import annotations

import inspect
import os
import shlex
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from survembed import registry
from survembed.cli.app import App
from survembed.cli.console import say, show_settings
from survembed.cli.interrupts import INTERRUPTED
from survembed.cli.lazy_group import lazy_group
from survembed.cli.shared_options import DEFAULT_RUNS_DIR, AsJson, RunsDir, ids_of_runs, set_parameters
from survembed.cli.torchrun import launch
from survembed.cli.train_options import (
    Processes,
    data_flags,
    fixed_parameters,
    flags_of_model,
    require_subject_per_process,
    resolve_training,
)
from survembed.errors import UsageError, printable

if TYPE_CHECKING:
    from survembed.cli.component_options import Flag
    from survembed.runs.run import Run


def make_command(model: str, command_line: str) -> Any:
    """The command of a model, with the options of model, training, split and data."""
    from typer.main import get_command

    component = registry.load("models", model, where=command_line)
    flags = flags_of_model(component)

    def train_model(ctx: typer.Context, **values: Any) -> int:
        return train_from_options(ctx, model, flags, values)

    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    set_parameters(train_model, [context, *(flag.parameter for flag in flags), *fixed_parameters()])
    app = App(add_completion=False)
    text = printable(inspect.cleandoc(component.__doc__ or "")).replace("[", r"\[")
    epilog = (
        "Options of dataset and head: --set data.NAME=VALUE, --set head.NAME=VALUE. List: survembed plugins show NAME."
    )
    app.command(model, help=text, epilog=epilog)(train_model)
    return get_command(app)


def _outline() -> Any:
    """A command with the data options, which all models share; completion uses it without importing a model."""
    from typer.main import get_command

    def train_model(**values: Any) -> None: ...

    set_parameters(train_model, [flag.parameter for flag in data_flags()])
    app = App(add_completion=False)
    app.command()(train_model)
    return get_command(app)


def _summary(model: str) -> str:
    """Summary of a built-in model; package name of a plugin, which is not imported."""
    entry = registry.find("models", model)
    return (registry.summary_from_source(entry) if entry.builtin else "") or f"From the package {entry.distribution}."


app = App(
    cls=lazy_group(lambda: registry.names("models"), _summary, make_command, _outline),
    add_completion=False,
    help="Train a model on a dataset.",
    no_args_is_help=True,
    invoke_without_command=True,
    subcommand_metavar="MODEL [OPTIONS]",
)


@app.callback()
def train(
    ctx: typer.Context,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="Continue a run that was stopped before its end.",
            autocompletion=ids_of_runs,
        ),
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
            f"{misplaced} is before the model" if ctx.invoked_subcommand else f"{misplaced} needs a model",
            where=str(ctx.obj),
            expected="options after the model; --resume RUN without a model",
            try_="survembed train --help",
        )
    return None


def resume_run(name: str, runs_dir: Path, nproc: int, as_json: bool, command_line: str) -> int:
    """Continue a run from its last checkpoint and print it."""
    from survembed.runs.run import Runs

    run = Runs(runs_dir).named(name)
    launch(nproc if nproc > 1 else int(run.record.get("processes", 1)), command_line)

    from survembed.cli.reporter import reporter
    from survembed.workflows.train import resume

    return show_trained(resume(run, reporter=reporter()), as_json)


def show_trained(trained: Run, as_json: bool) -> int:
    """Print the run and the next step; return the exit code."""
    from survembed.cli.runs import show_run
    from survembed.training.processes import launched

    if launched() and os.environ["RANK"] != "0":
        return 0
    show_run(trained, as_json, options=False)
    end, folder = trained.record["outcome"]["end"], trained.path.parent
    where = "" if folder.resolve() == DEFAULT_RUNS_DIR.resolve() else f" --runs-dir {shlex.quote(str(folder))}"
    if end == "completed" or end == "stopped early":
        has_test_part = bool(trained.read("split.json")["test"])
        commands = ["evaluate"] if has_test_part else []
        commands.append("traverse" if trained.can("decode") else "importance")
        say(f"next: {' or '.join(f'survembed {name}{where}' for name in commands)}")
        say(f"all options: survembed runs show{where}")
        return 0
    say("the run contains the best weights so far" if end == "interrupted" else "training received SIGTERM")
    say(f"to continue: survembed train --resume {trained.id}{where}")
    return INTERRUPTED


def train_from_options(ctx: typer.Context, model: str, flags: Collection[Flag], values: dict[str, Any]) -> int:
    """Resolve all options; then print them (`--dry-run`), or train and print the run."""
    from survembed.cli.component_options import settings_from_flags
    from survembed.runs.settings import Setting, Settings
    from survembed.training.options import PRESETS, PRESETS_ELSEWHERE

    preset = values["preset"]
    defaults = {f"train.{name}": value for name, value in PRESETS[preset].items()} | PRESETS_ELSEWHERE.get(preset, {})
    settings = Settings.gather(
        config=values["config"],
        assignments=values["assignments"] or (),
        flags=settings_from_flags(flags, ctx, values),
        preset={key: Setting(value, f"preset {preset}") for key, value in defaults.items()},
        command=str(ctx.obj),
    )
    config = resolve_training(settings, model, str(ctx.obj))
    if values["dry_run"]:
        show_settings(settings, values["as_json"])
        return 0

    from survembed.cli.reporter import reporter

    if values["nproc"] > 1:  # errors are printed once, not by each process
        require_subject_per_process(config.train, values["nproc"])
        for tracker in config.train.trackers:
            registry.load("trackers", tracker, where=str(ctx.obj))
        from survembed.cohort.prepare import prepare

        prepare(config.data.component, config.data.name, reporter=reporter()).close()
    launch(values["nproc"], str(ctx.obj))

    from survembed.workflows.train import train

    run = train(config, runs_dir=values["runs_dir"], name=values["name"], reporter=reporter())
    return show_trained(run, values["as_json"])
