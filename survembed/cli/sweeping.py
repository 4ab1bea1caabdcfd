"""What `sweep`, `benchmark` and `tau` share: the flags of a sweep, and its plan."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from survembed import registry
from survembed.cli.common import AsJson, Assignments, Config, DryRun, names_of, sign
from survembed.cli.console import say, show_settings
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
PLACE = "Where it runs"


def _axis(flag: str, help_: str) -> Any:
    return typer.Option(flag, help=help_, rich_help_panel=AXES)


def _place(flag: str, help_: str, **more: Any) -> Any:
    return typer.Option(flag, help=help_, rich_help_panel=PLACE, **more)


# Not within the class: a lambda in its annotations would not see this module's names.
DataName = Annotated[
    str | None, typer.Option("--data", help="Dataset, by name.", autocompletion=lambda: names_of("datasets"))
]


@dataclass(frozen=True)
class SweepRequest:
    """The flags of a sweep as typed; None leaves the option to file, environment and default."""

    data: DataName = None
    root: Annotated[Path | None, typer.Option("--root", help="Folder or file that the dataset reads.")] = None
    models: Annotated[str | None, _axis("--models", "Models, such as coxvae,vae,deepsurv.")] = None
    taus: Annotated[str | None, _axis("--taus", "Values of tau for models that have it, such as 0.01,0.5.")] = None
    seeds: Annotated[str | None, _axis("--seeds", "Seeds of training, such as 0,1,2.")] = None
    folds: Annotated[int | None, _axis("--folds", "Folds, each in turn the test part; 0 for one test part.")] = None
    repeats: Annotated[int | None, _axis("--repeats", "How often the subjects are divided anew.")] = None
    sweep_dir: Annotated[Path, _place("--sweep-dir", "Folder of the sweep; what is done in it stays done.")] = Path(
        "sweep"
    )
    workers: Annotated[int, _place("--workers", "Runs at once; 0 for one a GPU, or one a core.", min=0)] = 0
    threads: Annotated[int, _place("--threads", "CPU threads of a run; 0 shares the cores out.", min=0)] = 0
    scheduler: Annotated[
        str | None, _place("--scheduler", "Address or file of a Dask scheduler, to train on its workers.")
    ] = None
    retry: Annotated[bool, _place("--retry", "Try runs again that failed before.")] = False
    device: Annotated[str | None, _place("--device", "auto, cpu, cuda, cuda:1 or mps.")] = None
    config: Config = None
    assignments: Assignments = None
    dry_run: DryRun = False
    as_json: AsJson = False


def with_sweep_flags(work: Callable[..., None]) -> Callable[..., None]:
    """A command `work(ctx, asked, **its own)` with the flags of `SweepRequest` beside its own."""
    hints = get_type_hints(SweepRequest, include_extras=True)
    own_hints = get_type_hints(work, include_extras=True, localns={"SweepRequest": SweepRequest})
    keyword = inspect.Parameter.KEYWORD_ONLY
    ctx, _, *own = inspect.signature(work).parameters.values()
    shared = [
        inspect.Parameter(each.name, keyword, default=each.default, annotation=hints[each.name])
        for each in fields(SweepRequest)
    ]
    parameters = [
        ctx.replace(annotation=typer.Context),
        *(each.replace(kind=keyword, annotation=own_hints[each.name]) for each in own),
        *shared,
    ]

    def command(ctx: typer.Context, **values: Any) -> None:
        asked = SweepRequest(**{each.name: values.pop(each.name) for each in fields(SweepRequest)})
        work(ctx, asked, **values)

    command.__doc__, command.__name__ = work.__doc__, work.__name__
    sign(command, parameters)
    return command


@dataclass(frozen=True)
class Planned:
    """A sweep, resolved and not yet begun.

    Attributes
    ----------
    settings
        From which it was resolved, for the options of other components.
    axes
        What is varied.
    configs
        Configuration of each model.
    """

    settings: Settings
    axes: SweepOptions
    configs: list[TrainConfig]

    def runs(self) -> list[TrainConfig]:
        """Every single run."""
        from survembed.workflows.sweep import plan

        return plan(self.configs, self.axes)


def resolve_plan(asked: SweepRequest, axes: type[SweepOptions], command_line: str) -> Planned:
    """Every option of a sweep; a model is given those options of the section `model` that it has.

    Raises
    ------
    UsageError
        When no model has an option or a tau, one is out of range, or no dataset is named.
    """
    from survembed.cli.train import resolve
    from survembed.runs.settings import Setting, Settings

    given = {
        "data.name": ("--data", asked.data),
        "data.root": ("--root", asked.root),
        "device": ("--device", asked.device),
        **{f"sweep.{name}": (f"--{name}", getattr(asked, name)) for name in axes.model_fields},
    }
    settings = Settings.gather(
        config=asked.config,
        assignments=asked.assignments or (),
        flags={key: Setting(value, flag, command_line) for key, (flag, value) in given.items() if value is not None},
        command=command_line,
    )
    chosen = settings.component("sweep", "sweep", axes)
    models = {name: registry.load("models", name, where=command_line) for name in chosen.models}
    known = {field for model in models.values() for field in model.model_fields}
    if chosen.taus and "tau" not in known:
        raise UsageError(
            f"no tau in {' or '.join(models)}: the values given would change nothing",
            where=command_line,
            expected="a model that has a tau among --models, such as coxvae, or no --taus",
        )
    configs = []
    for name, model in models.items():
        view = _for_model(settings, known - set(model.model_fields))
        configs.append(resolve(view, name, command_line))
        settings.resolved |= view.resolved
    return Planned(settings, chosen, configs)


def _for_model(settings: Settings, foreign: set[str]) -> Settings:
    """The settings without the name of a model, and without options that only other models of the sweep have."""
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


def show_plan(planned: Planned, as_json: bool) -> None:
    """The answer to `--dry-run`: every option, and how many runs they make."""
    show_settings(planned.settings, as_json)
    say(f"{len(planned.runs())} runs")


def run_plan(
    planned: Planned, asked: SweepRequest, where: Where, check: Callable[[Subjects], None] | None = None
) -> Sweep:
    """Train what is missing of a sweep, with a live table of it on a terminal; `check` as for `sweep`."""
    from survembed.cli.reporter import reporter
    from survembed.workflows.sweep import sweep

    live = watch if sys.stderr.isatty() else None
    return sweep(planned.configs, planned.axes, asked.sweep_dir, where, check=check, watch=live, reporter=reporter())


def where_of(asked: SweepRequest, shard: str = "0/1") -> Where:
    """Machine or cluster, from the flags."""
    from survembed.workflows.sweep import Where, parse_shard

    return Where(asked.workers, asked.threads, asked.scheduler, parse_shard(shard), asked.retry)
